//! Fine-tuning learns, repeats itself whatever the number of threads, and says what it lacks.

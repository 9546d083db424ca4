//! mae-exp.

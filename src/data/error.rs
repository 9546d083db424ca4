//! What can go wrong with pictures, in words for the person who chose them: the thing and the cure.
//! An unreadable picture is *not* one of these (it is skipped, see `ImageSet::skipped`) unless nothing else is left.

use std::path::PathBuf;

use super::Split;
use crate::spec::trial::ImgSize;

/// Why a set could not be opened or a batch could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// `kind = "folder"` without a path.
    #[error("open the picture folder: data.path is not set; give data.path, or choose data.kind = \"photos\"")]
    NoPath,
    /// The path does not exist.
    #[error("open the picture folder {}: no such folder; correct data.path (relative paths start at the working directory)", .0.display())]
    Missing(PathBuf),
    /// The path is a file.
    #[error("open the picture folder {}: it is not a folder; point data.path at the folder that holds the pictures", .0.display())]
    NotAFolder(PathBuf),
    /// A folder could not be listed, or a picture not be read for the digest.
    #[error("read {}: {source}; check its permissions", path.display())]
    Io {
        /// What was read.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// Folders inside folders without end, as a link to a parent makes.
    #[error("list {}: folders are nested more than {depth} deep; remove a link that leads back into the folder", path.display())]
    TooDeep {
        /// Where listing stopped.
        path: PathBuf,
        /// The deepest level followed.
        depth: usize,
    },
    /// No file with a picture's extension.
    #[error("find pictures in {}: none there; put .jpg, .jpeg, .png, .webp or .bmp files in it or in one sub-folder per class, or correct data.path", .0.display())]
    NoPictures(PathBuf),
    /// `val/` without `train/`.
    #[error("find training pictures in {}: it has val/ but no train/; add train/, or point data.path at a folder without val/", .0.display())]
    NoTrain(PathBuf),
    /// One split came out empty.
    #[error("split {place}: no {split} pictures; {cure}")]
    EmptySplit {
        /// Which split.
        split: Split,
        /// The set.
        place: String,
        /// What to change.
        cure: &'static str,
    },
    /// A key of `[data]` that no set can be made of.
    #[error("open the image set: {0}")]
    Setting(String),
    /// No picture of a split could be read.
    #[error(
        "read {place}: none of the {split} pictures could be read (the first, {name}: {error}); replace them or correct data.path"
    )]
    AllUnreadable {
        /// Which split.
        split: Split,
        /// The set.
        place: String,
        /// The first unreadable picture.
        name: String,
        /// What is wrong with it.
        error: String,
    },
    /// A picture without a file of marks.
    #[error(
        "find the marked regions of picture {picture}: there is neither {} nor the same in .npy; add it, or point mask.path at one file for all pictures", wanted.display()
    )]
    NoRegions {
        /// Name of the picture in its set.
        picture: String,
        /// The file wanted.
        wanted: PathBuf,
    },
    /// Marks that cannot be read.
    #[error("read marked regions {}: {why}; mask.path names a PNG or NPY file, or a folder of them", path.display())]
    BadRegions {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Neither grey nor RGB was asked for.
    #[error("make pictures of {0} channels: set model.in_chans to 1 (grey) or 3 (RGB)")]
    Channels(usize),
    /// Batches of another input size or other crops than the set was opened for; a defect of the calling program.
    #[error(
        "make pictures of {0} pixels: the set was opened for another input size or other crops; open one for these"
    )]
    OtherInput(ImgSize),
    /// The system refused another thread.
    #[error("start a decoding thread: {0}; lower data.workers")]
    NoThread(std::io::Error),
    /// A decoding thread ended early; a defect of the program.
    #[error(
        "decode pictures: a decoding thread stopped unexpectedly; please report this, data.workers = 0 may avoid it"
    )]
    WorkerDied,
}

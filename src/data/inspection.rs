//! Folders of industrial inspection: faultless pictures in `good/`, defective ones in a folder for each kind of defect, and
//! pictures of where the defects are. The layout is that of MVTec AD: `test/good`, `test/<defect>`,
//! `ground_truth/<defect>/<name>_mask.png`; `good` and `<defect>` may also lie in the folder itself. It lists and reads; it
//! scales nothing but the marks, as the pictures are scaled.

use std::path::{Path, PathBuf};

use super::folder::{must_be_folder, pictures};
use super::source::{Item, Origin, digest};
use super::{DataError, Normalise, Picture, Transformer, decode};
use crate::spec::trial::ImgSize;

const GOOD: &str = "good";
const MARKS: &str = "ground_truth";
/// Folders beside the labels that hold no pictures to be judged.
const ASIDE: [&str; 2] = [MARKS, "train"];

/// What is known of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Faultless.
    Good,
    /// With a defect.
    Defective,
    /// Nothing.
    Unlabelled,
}

/// A picture to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Its path inside the set, with `/`.
    pub name: String,
    /// Name of its folder; empty for a picture in none.
    pub label: String,
    /// What that means.
    pub kind: Kind,
    /// The file.
    pub path: PathBuf,
    /// The file of its marks, if there is one.
    pub marks: Option<PathBuf>,
}

/// A set of pictures to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// In the order of their names.
    pub pictures: Vec<Inspected>,
    /// What tells the set from others, marks included, by the rule of [`super::ImageSet::digest`].
    pub digest: String,
    /// Whether there is a folder of marks.
    pub has_marks: bool,
}

impl Inspection {
    /// Lists a set; reads its files for the digest only.
    ///
    /// # Errors
    /// A missing path, a folder without pictures.
    pub fn open(root: &Path) -> Result<Self, DataError> {
        must_be_folder(root)?;
        let test = root.join("test");
        let (folder, prefix) = if test.is_dir() {
            (test, "test/")
        } else {
            (root.to_path_buf(), "")
        };
        let marks = root.join(MARKS);
        let labelled = folder.join(GOOD).is_dir() || marks.is_dir();
        let mut found = Vec::new();
        for entry in pictures(&folder)? {
            let label = match entry.parts.as_slice() {
                [first, _, ..] => first.clone(),
                _ => String::new(),
            };
            if prefix.is_empty() && ASIDE.contains(&label.as_str()) {
                continue;
            }
            let kind = match label.as_str() {
                GOOD => Kind::Good,
                "" => Kind::Unlabelled,
                _ if labelled => Kind::Defective,
                _ => Kind::Unlabelled,
            };
            let marks = (kind == Kind::Defective)
                .then(|| marks_of(&marks, &entry.parts))
                .flatten();
            found.push(Inspected {
                name: format!("{prefix}{}", entry.parts.join("/")),
                label,
                kind,
                path: entry.path,
                marks,
            });
        }
        if found.is_empty() {
            return Err(DataError::NoPictures(folder));
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            digest: digest_of(&found),
            pictures: found,
            has_marks: marks.is_dir(),
        })
    }
}

/// `<defect>/<name>_mask.png`, or the picture's own name.
fn marks_of(folder: &Path, parts: &[String]) -> Option<PathBuf> {
    let (file, folders) = parts.split_last()?;
    let folder = folders.iter().fold(folder.to_path_buf(), |path, part| path.join(part));
    let stem = Path::new(file).file_stem()?.to_string_lossy();
    let names = [format!("{stem}_mask.png"), format!("{stem}.png"), file.clone()];
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

fn digest_of(found: &[Inspected]) -> String {
    let item = |name: &str, path: &Path| Item {
        name: name.to_owned(),
        label: None,
        origin: Origin::File(path.to_path_buf(), std::fs::metadata(path).map_or(0, |meta| meta.len())),
    };
    let marks = found
        .iter()
        .filter_map(|one| Some(item(&one.name, one.marks.as_deref()?)));
    let pictures = found.iter().map(|one| item(&one.name, &one.path));
    digest(&marks.collect::<Vec<_>>(), &pictures.collect::<Vec<_>>())
}

impl Inspected {
    /// The picture.
    ///
    /// # Errors
    /// What the system or the decoder said.
    pub fn read(&self) -> Result<Picture, String> {
        read(&self.path)
    }

    /// Which pixels of the model's input are marked: the marks go the way of the picture, and a pixel counts that they cover by
    /// half or more. `None` where the picture has no file of marks.
    ///
    /// # Shapes
    /// → `[H, W]` of `size`.
    ///
    /// # Errors
    /// When the file cannot be read, or has another size than the picture.
    pub fn marked(&self, picture: &Picture, size: ImgSize) -> Result<Option<Vec<bool>>, String> {
        let Some(path) = &self.marks else { return Ok(None) };
        let mut marks = read(path).map_err(|why| format!("marks {}: {why}", path.display()))?;
        if (marks.width, marks.height) != (picture.width, picture.height) {
            return Err(format!(
                "marks {} are {}x{} pixels, but the picture {}x{}: make them of the picture's size",
                path.display(),
                marks.width,
                marks.height,
                picture.width,
                picture.height
            ));
        }
        let most = marks.rgb.iter().copied().max().unwrap_or(0);
        let on = |value: &u8| most > 0 && *value > most / 2;
        let pixels = marks.rgb.chunks_exact(3);
        marks.rgb = pixels
            .flat_map(|pixel| [if pixel.iter().any(on) { 255 } else { 0 }; 3])
            .collect();
        let mut shares = Vec::new();
        Transformer::new(size, Normalise::by(&[0.0], &[1.0])).eval(&marks, &mut shares);
        Ok(Some(shares.into_iter().map(|share| share >= 0.5).collect()))
    }
}

fn read(path: &Path) -> Result<Picture, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    // A decoder that panics on a damaged picture costs that picture, not the evaluation.
    let decoded = std::panic::catch_unwind(|| decode(&bytes));
    decoded.unwrap_or_else(|_| Err("the decoder panicked: the file is damaged".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, width: u32, height: u32, on: impl Fn(u32, u32) -> bool) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let pixel = |x, y| image::Luma([if on(x, y) { 255u8 } else { 0 }]);
        image::GrayImage::from_fn(width, height, pixel).save(path).unwrap();
    }

    fn kinds(root: &Path) -> Vec<(String, Kind, bool)> {
        let found = Inspection::open(root).unwrap().pictures.into_iter();
        found.map(|one| (one.name, one.kind, one.marks.is_some())).collect()
    }

    #[test]
    fn both_layouts_are_found_and_others_are_unlabelled() {
        let room = tempfile::tempdir().unwrap();
        for name in [
            "test/good/a.png",
            "test/cut/a.png",
            "test/cut/b.png",
            "train/good/x.png",
        ] {
            write(room.path(), name, 4, 4, |_, _| false);
        }
        write(room.path(), "ground_truth/cut/a_mask.png", 4, 4, |_, _| true);
        let found = |name: &str, kind, marks| (name.to_string(), kind, marks);
        assert_eq!(
            kinds(room.path()),
            [
                found("test/cut/a.png", Kind::Defective, true),
                found("test/cut/b.png", Kind::Defective, false),
                found("test/good/a.png", Kind::Good, false),
            ]
        );
        let plain = tempfile::tempdir().unwrap();
        for name in ["good/a.png", "cut/a.png", "train/good/x.png", "ground_truth/cut/a.png"] {
            write(plain.path(), name, 4, 4, |_, _| false);
        }
        assert_eq!(
            kinds(plain.path()),
            [
                found("cut/a.png", Kind::Defective, true),
                found("good/a.png", Kind::Good, false)
            ]
        );
        let flat = tempfile::tempdir().unwrap();
        write(flat.path(), "a.png", 4, 4, |_, _| false);
        write(flat.path(), "monday/b.png", 4, 4, |_, _| false);
        assert!(kinds(flat.path()).iter().all(|one| one.1 == Kind::Unlabelled));
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(Inspection::open(empty.path()), Err(DataError::NoPictures(_))));
    }

    #[test]
    fn marks_are_scaled_as_their_picture_and_must_have_its_size() {
        let room = tempfile::tempdir().unwrap();
        write(room.path(), "good/a.png", 8, 8, |_, _| false);
        write(room.path(), "cut/a.png", 8, 8, |_, _| false);
        write(room.path(), "ground_truth/cut/a_mask.png", 8, 8, |x, y| x < 4 && y < 4);
        let set = Inspection::open(room.path()).unwrap();
        let one = &set.pictures[0];
        let (picture, size) = (one.read().unwrap(), ImgSize { height: 4, width: 4 });
        let marked = one.marked(&picture, size).unwrap().unwrap();
        let want: Vec<bool> = (0..16).map(|i| i % 4 < 2 && i / 4 < 2).collect();
        assert_eq!(marked, want);
        let red = |x, y| image::Rgb([if x < 4 && y < 4 { 255u8 } else { 0 }, 0, 0]);
        let path = room.path().join("ground_truth/cut/a_mask.png");
        image::RgbImage::from_fn(8, 8, red).save(path).unwrap();
        assert_eq!(
            one.marked(&picture, size).unwrap().unwrap(),
            want,
            "whatever their colour"
        );
        write(room.path(), "ground_truth/cut/a_mask.png", 8, 9, |_, _| true);
        let error = one.marked(&picture, size).unwrap_err();
        assert!(error.contains("8x9 pixels, but the picture 8x8"), "{error}");
        assert_ne!(Inspection::open(room.path()).unwrap().digest, set.digest, "marks count");
    }
}

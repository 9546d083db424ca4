//! One picture of marked regions: decoded from PNG or NPY, and averaged over the patches of a view of the picture that it
//! belongs to. It is stretched over that picture, whatever its own size. It knows nothing of folders or sets.

use std::io::Cursor;
use std::path::Path;

use image::ImageFormat;
use mae_strategies::Grid;
use npyz::{Deserialize, NpyFile, Order};

/// More pixels than this are a slip: the largest pictures anybody annotates have fewer.
const MOST_PIXELS: u64 = 1 << 28;

/// Larger files than this hold no marks: so many pixels of eight bytes, and a header.
const MOST_BYTES: u64 = 8 * MOST_PIXELS + (1 << 16);

/// The part of a picture that a network sees, in shares of the picture's sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// First row.
    pub top: f64,
    /// First column.
    pub left: f64,
    /// Rows.
    pub height: f64,
    /// Columns.
    pub width: f64,
    /// Whether it is mirrored.
    pub flip: bool,
}

/// How much each pixel is marked, from 0 to 255, in raster order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    height: usize,
    width: usize,
    levels: Vec<u8>,
}

impl Marks {
    /// Reads a PNG, of which every pixel that is not black is marked, or a two-dimensional NPY array.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.starts_with(b"\x93NUMPY") {
            return array(bytes);
        }
        if image::guess_format(bytes).ok() != Some(ImageFormat::Png) {
            return Err("neither PNG nor NPY".into());
        }
        let picture =
            image::load_from_memory_with_format(bytes, ImageFormat::Png).map_err(|error| error.to_string())?;
        let picture = picture.into_rgb16();
        let marked = |pixel: &image::Rgb<u16>| if pixel.0 == [0; 3] { 0 } else { 255 };
        Ok(Self {
            height: picture.height() as usize,
            width: picture.width() as usize,
            levels: picture.pixels().map(marked).collect(),
        })
    }

    /// Reads a file of marks.
    pub(super) fn read(path: &Path) -> Result<(Self, Vec<u8>), String> {
        let size = path.metadata().map_err(|error| error.to_string())?.len();
        if size > MOST_BYTES {
            return Err(format!(
                "a file of {size} bytes; marks have at most {MOST_PIXELS} elements"
            ));
        }
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        Ok((Self::decode(&bytes)?, bytes))
    }

    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.levels.len()
    }

    /// How much of each patch of a view is marked, from 0 to 1, in raster order.
    pub(super) fn shares(&self, view: &View, grid: Grid) -> Vec<f32> {
        let sums = self.sums();
        let row = |edge: usize| (view.top + view.height * edge as f64 / grid.rows as f64) * self.height as f64;
        let column = |edge: usize| (view.left + view.width * edge as f64 / grid.cols as f64) * self.width as f64;
        let share = |l: usize| {
            let (r, c) = (l / grid.cols, l % grid.cols);
            let c = if view.flip { grid.cols - 1 - c } else { c };
            let (top, bottom, left, right) = (row(r), row(r + 1), column(c), column(c + 1));
            let whole = |y: f64, x: f64| self.sum_to(&sums, y, x);
            let sum = whole(bottom, right) - whole(top, right) - whole(bottom, left) + whole(top, left);
            let area = (bottom - top) * (right - left) * 255.0;
            (sum / area.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0) as f32
        };
        (0..grid.len()).map(share).collect()
    }

    /// Sums of all levels above and left of each corner of pixels, `[height + 1, width + 1]`.
    fn sums(&self) -> Vec<u64> {
        let stride = self.width + 1;
        let mut sums = vec![0; stride * (self.height + 1)];
        for y in 0..self.height {
            let mut row = 0;
            for x in 0..self.width {
                row += u64::from(self.levels[y * self.width + x]);
                sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row;
            }
        }
        sums
    }

    /// The sum up to a place between corners: levels are even within a pixel, so it is bilinear there.
    fn sum_to(&self, sums: &[u64], y: f64, x: f64) -> f64 {
        let (y, x) = (y.clamp(0.0, self.height as f64), x.clamp(0.0, self.width as f64));
        let (row, column) = ((y as usize).min(self.height - 1), (x as usize).min(self.width - 1));
        let (down, right) = (y - row as f64, x - column as f64);
        let at = |dy: usize, dx: usize| sums[(row + dy) * (self.width + 1) + column + dx] as f64;
        let above = at(0, 0) * (1.0 - right) + at(0, 1) * right;
        let below = at(1, 0) * (1.0 - right) + at(1, 1) * right;
        above * (1.0 - down) + below * down
    }
}

fn array(bytes: &[u8]) -> Result<Marks, String> {
    let file = NpyFile::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let (order, shape) = (file.order(), file.shape().to_vec());
    let [height, width] = shape[..] else {
        return Err(format!(
            "an array of {} dimensions; give one of two, rows and columns",
            shape.len()
        ));
    };
    if height == 0 || width == 0 {
        return Err(format!(
            "an array of {height} rows and {width} columns; both must be at least 1"
        ));
    }
    if height.checked_mul(width).is_none_or(|pixels| pixels > MOST_PIXELS) {
        return Err(format!(
            "an array of {height} rows and {width} columns; marks have at most {MOST_PIXELS} elements"
        ));
    }
    let kind = file.dtype().descr();
    let Some(levels) = levels(bytes) else {
        return Err(format!(
            "elements of type {kind}; give bool, uint8, uint16, int32, int64, float32 or float64"
        ));
    };
    let pixels = height * width;
    let levels = levels.map_err(|(at, problem)| match (problem, order) {
        (Problem::End, _) => format!("the file ends after {at} of {pixels} elements"),
        (Problem::Other(error), _) => error,
        (Problem::NotFinite(value), Order::C) => not_finite(value, at / width, at % width),
        (Problem::NotFinite(value), Order::Fortran) => not_finite(value, at % height, at / height),
    })?;
    let (height, width) = (height as usize, width as usize);
    let levels = match order {
        Order::C => levels,
        Order::Fortran => (0..levels.len())
            .map(|at| levels[at % width * height + at / width])
            .collect(),
    };
    Ok(Marks { height, width, levels })
}

fn not_finite(value: f64, row: u64, column: u64) -> String {
    format!("{value} in row {row}, column {column} (from 0); real numbers are shares from 0 to 1")
}

/// Elements as levels, or the first that has none, by its number in the file.
type Levels = Result<Vec<u8>, (u64, Problem)>;

/// Why an element has no level.
enum Problem {
    /// The file ends before it.
    End,
    /// It is no finite number.
    NotFinite(f64),
    /// It cannot be read.
    Other(String),
}

/// Elements in the order of the file: whole numbers and booleans are marked unless 0, real numbers are shares. `None` for
/// elements of another type.
fn levels(bytes: &[u8]) -> Option<Levels> {
    fn whole<T: Default + PartialEq>(value: T) -> Result<u8, f64> {
        Ok(if value == T::default() { 0 } else { 255 })
    }
    let share = |value: f64| {
        let level = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        if value.is_finite() { Ok(level) } else { Err(value) }
    };
    read(bytes, whole::<bool>)
        .or_else(|| read(bytes, whole::<u8>))
        .or_else(|| read(bytes, whole::<u16>))
        .or_else(|| read(bytes, whole::<i32>))
        .or_else(|| read(bytes, whole::<i64>))
        .or_else(|| read(bytes, |value: f32| share(f64::from(value))))
        .or_else(|| read(bytes, share))
}

/// The elements as levels, where they have this type; `level` hands back a number that has none.
fn read<T: Deserialize>(bytes: &[u8], level: impl Fn(T) -> Result<u8, f64>) -> Option<Levels> {
    let file = NpyFile::new(Cursor::new(bytes)).ok()?;
    let elements = file.data::<T>().ok()?;
    let one = |(at, element): (u64, std::io::Result<T>)| match element {
        Ok(element) => level(element).map_err(|value| (at, Problem::NotFinite(value))),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err((at, Problem::End)),
        Err(error) => Err((at, Problem::Other(error.to_string()))),
    };
    Some((0..).zip(elements).map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: View = View {
        top: 0.0,
        left: 0.0,
        height: 1.0,
        width: 1.0,
        flip: false,
    };

    /// Left half marked.
    fn half(height: usize, width: usize) -> Marks {
        let levels = (0..height * width)
            .map(|at| if at % width < width / 2 { 255 } else { 0 })
            .collect();
        Marks { height, width, levels }
    }

    fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
        let mut bytes = b"\x93NUMPY\x01\0\x76\0".to_vec();
        bytes.extend(format!("{text:117}\n").bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn shares_are_exact_whatever_the_size() {
        for marks in [half(10, 10), half(3, 22), half(640, 2)] {
            let shares = marks.shares(&WHOLE, Grid::new(2, 4));
            assert_eq!(shares, [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
            let thirds = marks.shares(&WHOLE, Grid::new(1, 3));
            assert!(
                (thirds[1] - 0.5).abs() < 1e-6 && thirds[0] == 1.0 && thirds[2] == 0.0,
                "{thirds:?}"
            );
        }
    }

    #[test]
    fn views_move_and_mirror_the_marks() {
        let right = View {
            left: 0.25,
            width: 0.5,
            ..WHOLE
        };
        let grid = Grid::new(1, 2);
        assert_eq!(half(8, 8).shares(&right, grid), [1.0, 0.0]);
        assert_eq!(half(8, 8).shares(&View { flip: true, ..right }, grid), [0.0, 1.0]);
        let far = View {
            left: 0.5,
            width: 0.5,
            ..WHOLE
        };
        assert_eq!(half(8, 8).shares(&far, grid), [0.0, 0.0]);
    }

    #[test]
    fn arrays_of_any_usual_type_and_order_are_read() {
        let rows = [0u8, 1, 0, 0, 1, 1];
        let wanted = Marks {
            height: 2,
            width: 3,
            levels: vec![0, 255, 0, 0, 255, 255],
        };
        let wide = |width: usize| -> Vec<u8> {
            let one = |value: &u8| [vec![*value], vec![0; width - 1]].concat();
            rows.iter().flat_map(one).collect()
        };
        let floats: Vec<u8> = rows.iter().flat_map(|value| f32::from(*value).to_le_bytes()).collect();
        let doubles: Vec<u8> = rows.iter().flat_map(|value| f64::from(*value).to_le_bytes()).collect();
        for (descr, data) in [
            ("|b1", rows.to_vec()),
            ("|u1", rows.to_vec()),
            ("<u2", wide(2)),
            ("<i4", wide(4)),
            ("<i8", wide(8)),
            ("<f4", floats),
            ("<f8", doubles),
        ] {
            assert_eq!(
                Marks::decode(&npy(descr, "False", "(2, 3)", &data)),
                Ok(wanted.clone()),
                "{descr}"
            );
        }
        let columns = npy("|u1", "True", "(2, 3)", &[0, 0, 1, 1, 0, 1]);
        assert_eq!(Marks::decode(&columns), Ok(wanted));
    }

    #[test]
    fn what_is_no_mask_is_refused_in_words() {
        let refused = |bytes: &[u8]| Marks::decode(bytes).unwrap_err();
        assert_eq!(refused(b"GIF89a"), "neither PNG nor NPY");
        assert!(refused(&npy("|u1", "False", "(6,)", &[0; 6])).contains("1 dimensions"));
        assert!(refused(&npy("|u1", "False", "(0, 6)", &[])).contains("0 rows"));
        let large = "99999999 rows and 99999999 columns; marks have at most 268435456 elements";
        assert!(refused(&npy("|u1", "False", "(99999999, 99999999)", &[])).ends_with(large));
        assert!(refused(&npy("<c8", "False", "(1, 1)", &[0; 8])).contains("elements of type"));
        assert_eq!(
            refused(&npy("|u1", "False", "(2, 3)", &[0; 4])),
            "the file ends after 4 of 6 elements"
        );
        assert_eq!(
            refused(&npy("<f8", "True", "(2, 3)", &[0; 20])),
            "the file ends after 2 of 6 elements"
        );
        assert!(!refused(b"\x93NUMPY\x01").is_empty());
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_place() {
        let with = |value: f64, order: &str| {
            let mut values = [0.0f64; 6];
            values[4] = value;
            let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            Marks::decode(&npy("<f8", order, "(2, 3)", &data)).unwrap_err()
        };
        let expected = "NaN in row 1, column 1 (from 0); real numbers are shares from 0 to 1";
        assert_eq!(with(f64::NAN, "False"), expected);
        assert!(with(f64::INFINITY, "True").starts_with("inf in row 0, column 2 "));
        let single: Vec<u8> = [1.0, f32::NEG_INFINITY].iter().flat_map(|v| v.to_le_bytes()).collect();
        let error = Marks::decode(&npy("<f4", "False", "(1, 2)", &single)).unwrap_err();
        assert!(error.starts_with("-inf in row 0, column 1 "), "{error}");
    }
}

//! QR codes: as a picture file for programs, as a drawing for pages.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// White around the code, in modules: what the standard asks for.
const MARGIN: usize = 4;
/// Pixels of one module in picture files.
const SCALE: usize = 5;

/// A square of dark and light modules.
pub struct Square {
    width: usize,
    dark: Vec<bool>,
}

impl Square {
    /// The code for a text; `None` if it is too long.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        Some(Self {
            width: code.width(),
            dark: code
                .to_colors()
                .into_iter()
                .map(|color| color == Color::Dark)
                .collect(),
        })
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.width && self.dark[y * self.width + x]
    }

    /// Modules along one side, margins included.
    pub fn side(&self) -> usize {
        self.width + 2 * MARGIN
    }

    /// The dark modules as the `d` of an SVG path, one unit a module: one stroke for each run.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for y in 0..self.width {
            let mut x = 0;
            while x < self.width {
                let run = (x..self.width).take_while(|x| self.is_dark(*x, y)).count();
                if run > 0 {
                    // Writing to a string cannot fail.
                    let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + MARGIN, y + MARGIN);
                }
                x += run.max(1);
            }
        }
        path
    }

    /// A PNG file: one bit a pixel, not compressed.
    pub fn png(&self) -> Vec<u8> {
        let side = self.side() * SCALE;
        let mut rows = Vec::new();
        for y in 0..side {
            // Each row begins with its filter: none.
            rows.push(0);
            let row: Vec<bool> = (0..side)
                .map(|x| {
                    let module = |at: usize| (at / SCALE).wrapping_sub(MARGIN);
                    !self.is_dark(module(x), module(y))
                })
                .collect();
            rows.extend(row.chunks(8).map(|eight| {
                eight
                    .iter()
                    .enumerate()
                    .fold(0_u8, |byte, (at, light)| byte | u8::from(*light) << (7 - at))
            }));
        }
        let side = u32::try_from(side).unwrap_or(u32::MAX);
        let mut header = Vec::from(side.to_be_bytes());
        header.extend(side.to_be_bytes());
        // One bit, greyscale, and the only methods there are.
        header.extend([1, 0, 0, 0, 0]);
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        chunk(&mut file, b"IHDR", &header);
        chunk(&mut file, b"IDAT", &stored(&rows));
        chunk(&mut file, b"IEND", &[]);
        file
    }
}

/// A part of a PNG file: length, name, content, checksum.
fn chunk(file: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    file.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
    let from = file.len();
    file.extend(name);
    file.extend(content);
    let checksum = crc32(&file[from..]);
    file.extend(checksum.to_be_bytes());
}

/// A zlib stream of stored blocks.
fn stored(bytes: &[u8]) -> Vec<u8> {
    const BLOCK_MAX: usize = u16::MAX as usize;
    let mut stream = vec![0x78, 0x01];
    let blocks = bytes.len().div_ceil(BLOCK_MAX);
    for (at, block) in bytes.chunks(BLOCK_MAX).enumerate() {
        stream.push(u8::from(at + 1 == blocks));
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(bytes).to_be_bytes());
    stream
}

/// The checksum of PNG files.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            }
        })
    })
}

/// The checksum of zlib streams.
fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_the_known_ones() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn the_drawing_and_the_picture_show_the_same_modules() {
        let square = Square::of("otpauth://totp/example.com:bob@localhost:3080?secret=ABC").unwrap();
        // The three corners begin with a run of seven.
        assert!(square.path().starts_with("M4 4h7v1h-7z"));
        let png = square.png();
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"));
        assert!(png.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82"));
        let side = square.side() * SCALE;
        let row_bytes = 1 + side.div_ceil(8);
        // After signature, header chunk, and the beginning of data: zlib header and one stored block's header.
        let data = &png[8 + 25 + 8 + 2 + 5..];
        let pixel = |x: usize, y: usize| data[y * row_bytes + 1 + x / 8] >> (7 - x % 8) & 1;
        let corner = MARGIN * SCALE;
        assert_eq!(pixel(corner, corner), 0, "dark");
        assert_eq!(pixel(corner - 1, corner), 1, "light");
        assert_eq!(pixel(corner + 7 * SCALE, corner), 1, "light after seven");
    }

    #[test]
    fn what_is_too_long_has_no_code() {
        assert!(Square::of(&"x".repeat(3_000)).is_none());
    }
}

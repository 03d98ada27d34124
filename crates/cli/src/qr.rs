//! A QR code as text, two modules a character row, for a terminal's dark or light background alike.

use qrcode::{EcLevel, QrCode};

/// The code of `content`, with the quiet border readers need; `None` if it is too long for a QR code.
pub fn print(content: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(content, EcLevel::L).ok()?;
    let width = code.width();
    let border = 2;
    let dark = |x: usize, y: usize| {
        let inside = x >= border && y >= border && x < width + border && y < width + border;
        inside && code[(x - border, y - border)] == qrcode::Color::Dark
    };
    let side = width + 2 * border;
    let mut lines = String::new();
    for y in (0..side).step_by(2) {
        // Light modules are drawn, dark ones left: most terminals are dark, and readers take either.
        for x in 0..side {
            let below = y + 1 < side && !dark(x, y + 1);
            lines.push(match (!dark(x, y), below) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        lines.push('\n');
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_square_and_has_its_border() {
        let code = print("otpauth://totp/countersign:bob?secret=ABC").unwrap();
        let lines: Vec<&str> = code.lines().collect();
        assert!(lines[0].chars().all(|c| c == '█'));
        assert_eq!(lines[0].chars().count().div_ceil(2), lines.len());
        assert_eq!(print(&"x".repeat(5000)), None);
    }
}

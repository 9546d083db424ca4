//! Letters and signs that pdfLaTeX does not set as they are. Greek and mathematical signs become commands; what no font of a
//! plain document has is named by its number, so that no text of an experiment keeps a paper from compiling.

/// Commands of mathematics, without packages.
const MATHEMATICS: &[(char, &str)] = &[
    ('α', "alpha"),
    ('β', "beta"),
    ('γ', "gamma"),
    ('δ', "delta"),
    ('ε', "varepsilon"),
    ('ϵ', "epsilon"),
    ('ζ', "zeta"),
    ('η', "eta"),
    ('θ', "theta"),
    ('ϑ', "vartheta"),
    ('ι', "iota"),
    ('κ', "kappa"),
    ('λ', "lambda"),
    ('μ', "mu"),
    ('ν', "nu"),
    ('ξ', "xi"),
    ('π', "pi"),
    ('ρ', "rho"),
    ('ς', "varsigma"),
    ('σ', "sigma"),
    ('τ', "tau"),
    ('υ', "upsilon"),
    ('φ', "varphi"),
    ('ϕ', "phi"),
    ('χ', "chi"),
    ('ψ', "psi"),
    ('ω', "omega"),
    ('Γ', "Gamma"),
    ('Δ', "Delta"),
    ('∆', "Delta"),
    ('Θ', "Theta"),
    ('Λ', "Lambda"),
    ('Ξ', "Xi"),
    ('Π', "Pi"),
    ('Σ', "Sigma"),
    ('Υ', "Upsilon"),
    ('Φ', "Phi"),
    ('Ψ', "Psi"),
    ('Ω', "Omega"),
    ('≤', "leq"),
    ('⩽', "leq"),
    ('≥', "geq"),
    ('⩾', "geq"),
    ('≈', "approx"),
    ('≠', "neq"),
    ('≡', "equiv"),
    ('≪', "ll"),
    ('≫', "gg"),
    ('«', "ll"),
    ('»', "gg"),
    ('∼', "sim"),
    ('∝', "propto"),
    ('±', "pm"),
    ('∓', "mp"),
    ('∞', "infty"),
    ('∈', "in"),
    ('∉', "notin"),
    ('⊂', "subset"),
    ('⊆', "subseteq"),
    ('∩', "cap"),
    ('∪', "cup"),
    ('∅', "emptyset"),
    ('∑', "sum"),
    ('∏', "prod"),
    ('∫', "int"),
    ('√', "surd"),
    ('∂', "partial"),
    ('∇', "nabla"),
    ('∀', "forall"),
    ('∃', "exists"),
    ('∧', "wedge"),
    ('∨', "vee"),
    ('⊕', "oplus"),
    ('⊗', "otimes"),
    ('∘', "circ"),
    ('⋅', "cdot"),
    ('∙', "bullet"),
    ('∗', "ast"),
    ('⋯', "cdots"),
    ('ℓ', "ell"),
    ('‖', "Vert"),
    ('→', "rightarrow"),
    ('←', "leftarrow"),
    ('↑', "uparrow"),
    ('↓', "downarrow"),
    ('↔', "leftrightarrow"),
    ('↦', "mapsto"),
    ('⇒', "Rightarrow"),
    ('⇐', "Leftarrow"),
    ('⇔', "Leftrightarrow"),
    ('⟨', "langle"),
    ('⟩', "rangle"),
    ('⌊', "lfloor"),
    ('⌋', "rfloor"),
    ('⌈', "lceil"),
    ('⌉', "rceil"),
    ('★', "star"),
];

/// Superscripts and subscripts of Unicode, in order of 0 to 9.
const RAISED: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹";
/// The same below the line.
const LOWERED: &str = "₀₁₂₃₄₅₆₇₈₉";

/// A letter beyond ASCII as LaTeX.
pub(in super::super) fn beyond_ascii(letter: char) -> String {
    if let Some((_, command)) = MATHEMATICS.iter().find(|m| m.0 == letter) {
        return format!("$\\{command}$");
    }
    if let Some(digit) = RAISED.chars().position(|c| c == letter) {
        return format!("$^{digit}$");
    }
    if let Some(digit) = LOWERED.chars().position(|c| c == letter) {
        return format!("$_{digit}$");
    }
    match letter {
        '−' => "$-$".into(),
        '⁻' => "$^-$".into(),
        '⁺' => "$^+$".into(),
        '†' => "$^\\dagger$".into(),
        '‡' => "$^\\ddagger$".into(),
        '‐' | '‑' => "-".into(),
        '‒' | '–' => "--".into(),
        '—' | '―' => "---".into(),
        '‘' => "`".into(),
        '’' | '′' => "'".into(),
        '“' => "``".into(),
        '”' | '″' => "''".into(),
        '‚' => ",".into(),
        '„' => ",,".into(),
        '‹' => "$<$".into(),
        '›' => "$>$".into(),
        '…' => "\\ldots{}".into(),
        '•' => "$\\bullet$".into(),
        '\u{a0}' | '\u{202f}' | '\u{2007}' => "~".into(),
        '\u{ad}' | '\u{200b}' | '\u{200d}' | '\u{feff}' => String::new(),
        '\u{2000}'..='\u{200a}' => " ".into(),
        other if printable(other) => other.to_string(),
        other => format!("\\texttt{{U+{:04X}}}", u32::from(other)),
    }
}

/// Letters that pdfLaTeX sets as they are (read as UTF-8, with T1 fonts): Latin-1, Latin Extended-A and some of B.
fn printable(letter: char) -> bool {
    matches!(letter, '\u{a1}'..='\u{125}' | '\u{128}'..='\u{137}' | '\u{139}'..='\u{13e}' | '\u{141}'..='\u{148}'
        | '\u{14a}'..='\u{165}' | '\u{168}'..='\u{17e}' | '\u{218}'..='\u{21b}' | '€' | '‰' | '™')
}

#[cfg(test)]
mod tests {
    use super::super::super::export::tex;

    #[test]
    fn greek_and_signs_are_mathematics_and_accents_stay() {
        assert_eq!(tex("α ≤ β ≈ Δ"), "$\\alpha$ $\\leq$ $\\beta$ $\\approx$ $\\Delta$");
        assert_eq!(tex("é ü ñ Å ő ß °"), "é ü ñ Å ő ß °");
        assert_eq!(tex("10⁻⁶ x₂"), "10$^-$$^6$ x$_2$");
        assert_eq!(tex("“a” – ‘b’…"), "``a'' -- `b'\\ldots{}");
    }

    #[test]
    fn what_no_font_has_is_named_by_its_number() {
        assert_eq!(tex("中"), "\\texttt{U+4E2D}");
        assert_eq!(tex("🙂"), "\\texttt{U+1F642}");
        assert_eq!(tex("я"), "\\texttt{U+044F}");
        assert_eq!(tex("a\u{200b}b"), "ab");
        let all: String = (0xa0..0x3000).filter_map(char::from_u32).collect();
        assert!(tex(&all).chars().all(|c| c.is_ascii() || super::printable(c)));
    }
}

//! The words of Python 2.7: token kinds, keywords, operators.

use crate::ast::{BinaryOp, Pos};

/// One token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Byte range in the source.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) pos: Pos,
}

macro_rules! kinds {
    (plain { $($plain:ident $described:literal,)* } words { $($word:ident $text:literal,)* } marks { $($mark:ident $sign:literal,)* }) => {
        /// What a token is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($plain,)* $($word,)* $($mark,)* }

        impl Kind {
            /// How a message calls it.
            pub(crate) fn describe(self) -> &'static str {
                match self {
                    $(Self::$plain => $described,)*
                    $(Self::$word => concat!("'", $text, "'"),)*
                    $(Self::$mark => concat!("'", $sign, "'"),)*
                }
            }

            /// The keyword spelt `word`.
            pub(crate) fn keyword(word: &[u8]) -> Option<Self> {
                Some(match word {
                    $(bytes if bytes == $text.as_bytes() => Self::$word,)*
                    _ => return None,
                })
            }

            /// The operator or delimiter spelt exactly `sign`.
            pub(crate) fn mark(sign: &[u8]) -> Option<Self> {
                Some(match sign {
                    $(bytes if bytes == $sign.as_bytes() => Self::$mark,)*
                    _ => return None,
                })
            }
        }
    };
}

kinds! {
    plain {
        Name "a name",
        Number "a number",
        String "a string",
        Newline "the end of the line",
        Indent "an indented line",
        Dedent "the end of the block",
        End "the end of the file",
    }
    words {
        And "and", As "as", Assert "assert", Break "break", Class "class", Continue "continue", Def "def", Del "del",
        Elif "elif", Else "else", Except "except", Exec "exec", Finally "finally", For "for", From "from",
        Global "global", If "if", Import "import", In "in", Is "is", Lambda "lambda", Not "not", Or "or", Pass "pass",
        Print "print", Raise "raise", Return "return", Try "try", While "while", With "with", Yield "yield",
    }
    marks {
        LeftParen "(", RightParen ")", LeftBracket "[", RightBracket "]", LeftBrace "{", RightBrace "}",
        Comma ",", Colon ":", Dot ".", Semicolon ";", At "@", Equal "=", Backquote "`",
        Plus "+", Minus "-", Star "*", Slash "/", Percent "%", Ampersand "&", Bar "|", Caret "^", Tilde "~",
        StarStar "**", SlashSlash "//", LessLess "<<", GreaterGreater ">>",
        Less "<", Greater ">", EqualEqual "==", NotEqual "!=", LessGreater "<>", LessEqual "<=", GreaterEqual ">=",
        PlusEqual "+=", MinusEqual "-=", StarEqual "*=", SlashEqual "/=", PercentEqual "%=", AmpersandEqual "&=",
        BarEqual "|=", CaretEqual "^=", StarStarEqual "**=", SlashSlashEqual "//=", LessLessEqual "<<=",
        GreaterGreaterEqual ">>=",
    }
}

impl Kind {
    /// The operator of an augmented assignment.
    pub(crate) fn augmented(self) -> Option<BinaryOp> {
        Some(match self {
            Self::PlusEqual => BinaryOp::Add,
            Self::MinusEqual => BinaryOp::Sub,
            Self::StarEqual => BinaryOp::Mul,
            Self::SlashEqual => BinaryOp::Div,
            Self::PercentEqual => BinaryOp::Mod,
            Self::AmpersandEqual => BinaryOp::BitAnd,
            Self::BarEqual => BinaryOp::BitOr,
            Self::CaretEqual => BinaryOp::BitXor,
            Self::StarStarEqual => BinaryOp::Pow,
            Self::SlashSlashEqual => BinaryOp::FloorDiv,
            Self::LessLessEqual => BinaryOp::LeftShift,
            Self::GreaterGreaterEqual => BinaryOp::RightShift,
            _ => return None,
        })
    }

    /// The left-associative operator and how tightly it binds: 0 (`|`) to 5 (`*`).
    pub(crate) fn binary(self) -> Option<(BinaryOp, u8)> {
        Some(match self {
            Self::Bar => (BinaryOp::BitOr, 0),
            Self::Caret => (BinaryOp::BitXor, 1),
            Self::Ampersand => (BinaryOp::BitAnd, 2),
            Self::LessLess => (BinaryOp::LeftShift, 3),
            Self::GreaterGreater => (BinaryOp::RightShift, 3),
            Self::Plus => (BinaryOp::Add, 4),
            Self::Minus => (BinaryOp::Sub, 4),
            Self::Star => (BinaryOp::Mul, 5),
            Self::Slash => (BinaryOp::Div, 5),
            Self::SlashSlash => (BinaryOp::FloorDiv, 5),
            Self::Percent => (BinaryOp::Mod, 5),
            _ => return None,
        })
    }

    /// Whether an expression (`test` of the grammar) can begin with this token.
    pub(crate) fn begins_expression(self) -> bool {
        matches!(
            self,
            Self::Name
                | Self::Number
                | Self::String
                | Self::LeftParen
                | Self::LeftBracket
                | Self::LeftBrace
                | Self::Backquote
                | Self::Plus
                | Self::Minus
                | Self::Tilde
                | Self::Not
                | Self::Lambda
        )
    }
}

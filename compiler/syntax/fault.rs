//! What can be wrong with a text before it is parsed.

/// Something that no KDL text may hold, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A value or name that needs quotes.
    NeedsQuotes,
    /// A keyword of KDL 1 without `#`.
    BareKeyword,
    /// `#` and something that is no keyword.
    UnknownKeyword,
    /// A string without an end.
    UnclosedString,
    /// `"""` with text on the same line.
    MultiLineOpening,
    /// A backslash with something that it does not escape.
    BadEscape,
    /// A block comment without an end.
    UnclosedComment,
    /// A character that may stand nowhere.
    ForbiddenCharacter,
    /// A bracket or comma: KDL has no lists.
    ListSyntax,
    /// A block without an end.
    UnclosedBlock,
    /// `}` where no block is open.
    StrayBrace,
    /// A block, number or keyword where a node's name is expected.
    MissingName,
    /// A property without a value.
    MissingValue,
    /// Two values without space between them.
    MissingSpace,
    /// Something behind a node's block, on the same line.
    MissingNewline,
    /// A type annotation that is no name in parentheses, or annotates nothing.
    BadAnnotation,
    /// `/-` with nothing behind it.
    EmptySlashdash,
    /// A character that has no meaning where it stands.
    Unexpected,
    /// Blocks nested too deep.
    TooDeep,
    /// `/-` nested too deep.
    SlashdashTooDeep,
}

//! Who is calling, and may they: tokens in, tokens out, grants

//! Generated gRPC code, and the one table from fault to status.
//!
//! **For:** the wire's words, and [`status`]: what a fault is called in gRPC and HTTP.
//!
//! **Must never know:** business rules.
//!
//! **Start reading** at [`status`]. The code under `generated/` is made by `make generate`.

pub mod status;

/// A point in time on the wire.
pub use prost_types::Timestamp;

/// The protobuf descriptors of every service, for reflection and for JSON.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptor.binpb");

macro_rules! generated {
    ($($package:ident = $file:literal, $doc:literal;)*) => {$(
        #[doc = $doc]
        pub mod $package {
            /// Version 1.
            pub mod v1 {
                include!(concat!("generated/", $file));
            }
        }
    )*};
}

generated! {
    fault = "lgsp.fault.v1.rs", "How the services refuse.";
    event = "lgsp.event.v1.rs", "Events in.";
    query = "lgsp.query.v1.rs", "Queries out.";
    ops = "lgsp.ops.v1.rs", "Operations.";
    audit = "lgsp.audit.v1.rs", "The evidence of queries.";
}

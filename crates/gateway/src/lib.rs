//! The gRPC and HTTP edge: one door and its bindings

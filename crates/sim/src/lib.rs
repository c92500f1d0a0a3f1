//! Simulated national platform and a province's traffic

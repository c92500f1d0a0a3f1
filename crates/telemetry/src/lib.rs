//! Logs and metrics of the bus, kept free of personal data

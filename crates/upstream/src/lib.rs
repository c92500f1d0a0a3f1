//! Connectors to national databases

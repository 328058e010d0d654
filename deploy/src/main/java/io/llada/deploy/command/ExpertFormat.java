package io.llada.deploy.command;

/// Formats of the routed experts in a packed checkpoint.
enum ExpertFormat {
  INT8, INT4, BF16
}

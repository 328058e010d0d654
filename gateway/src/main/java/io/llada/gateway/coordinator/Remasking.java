package io.llada.gateway.coordinator;

/** The unmasking policy, as the public contract names it. */
public enum Remasking {
  THRESHOLD, LOW_CONFIDENCE, RANDOM, EDITING
}

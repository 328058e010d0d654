package io.llada.coordinator;

import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What a composition root has opened so far; closed in reverse order, each in spite of the others' failures.
public final class OpenedResources implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(OpenedResources.class);

  private final Deque<AutoCloseable> opened = new ArrayDeque<>();

  /// Keeps a resource for [#close].
  ///
  /// @return the resource
  public <T extends AutoCloseable> T keep(T resource) {
    opened.push(resource);
    return resource;
  }

  @Override
  public void close() {
    while (!opened.isEmpty()) {
      try {
        opened.pop().close();
      } catch (Exception e) {
        LOG.warn("closing: {}", e.toString());
      }
    }
  }
}

package io.llada.model.experts;

/// A computing device cannot do what it was asked for.
public final class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// What went wrong, which decides what to do about it.
  public enum Reason {
    /// There is no such device, or it cannot be used.
    UNAVAILABLE,
    /// Its compiler refused a kernel.
    BUILD_FAILED,
    /// Its memory is full: less may still fit.
    OUT_OF_MEMORY,
    /// It failed while computing: nothing may be expected of it any more.
    LAUNCH_FAILED
  }

  private final transient Reason reason;

  /// @param message names the device, what was found and what to do
  public DeviceException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  public DeviceException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }
}

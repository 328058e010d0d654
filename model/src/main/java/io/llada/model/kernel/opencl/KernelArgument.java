package io.llada.model.kernel.opencl;

import com.aparapi.internal.jni.KernelArgJNI;
import com.aparapi.internal.jni.KernelRunnerJNI;
import java.lang.reflect.Array;

/// An array as a parameter of a kernel. Its fields are read by Aparapi's native part at every launch.
final class KernelArgument extends KernelArgJNI {
  /// When an array travels between this process and a device with memory of its own.
  enum Transfer {
    /// To the device before every launch.
    TO_DEVICE,
    /// From the device after every launch.
    FROM_DEVICE,
    /// Both.
    TO_AND_FROM,
    /// To the device when the argument is set; never back.
    ONCE
  }

  KernelArgument(String name, Transfer transfer, Object array) {
    this.name = name;
    this.type = Flags.of(transfer, array);
    set(array);
  }

  /// Exchanges the array; takes effect at the next launch that is told that arguments have changed.
  ///
  /// @param array of the same element type
  void set(Object array) {
    javaArray = array;
    numElements = Array.getLength(array);
    sizeInBytes = Math.multiplyExact(numElements, elementBytes(array));
  }

  boolean holds(Object array) {
    return javaArray == array;
  }

  private static int elementBytes(Object array) {
    return switch (array) {
      case byte[] _ -> Byte.BYTES;
      case int[] _ -> Integer.BYTES;
      case float[] _ -> Float.BYTES;
      default -> throw new IllegalArgumentException("an array of bytes, ints or floats, found " + array);
    };
  }

  /// Aparapi's flags are visible to its runners alone.
  private abstract static class Flags extends KernelRunnerJNI {
    static int of(Transfer transfer, Object array) {
      int type = ARG_ARRAY | ARG_GLOBAL | switch (array) {
        case byte[] _ -> ARG_BYTE;
        case int[] _ -> ARG_INT;
        default -> ARG_FLOAT;
      };
      return type | switch (transfer) {
        case TO_DEVICE -> ARG_READ;
        case FROM_DEVICE -> ARG_WRITE;
        case TO_AND_FROM -> ARG_READ | ARG_WRITE;
        case ONCE -> ARG_READ | ARG_WRITE | ARG_EXPLICIT;
      };
    }
  }
}

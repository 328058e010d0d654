package io.llada.model.kernel;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// The functions of `integer_kernels.c` and `float_kernels.c`, compiled for this machine by its own C compiler and loaded
/// for good.
///
/// Heap arrays are handed over where they are ([Linker.Option#critical]): until a function returns, the JVM cannot stop
/// this thread, so callers keep each call short. Nothing is checked here.
///
/// @param variant operations it was compiled with, for people
/// @param multiplyInt8 `(panels, rows, groups, x, xOffset, rowBytes, tokens, y, yOffset, stride)`
/// @param multiplyInt4 likewise
/// @param multiplyF32 `(panels, rows, columns, x, xOffset, tokens, y, yOffset, stride)`
/// @param multiplyBf16 likewise
/// @param round `(x, xOffset, tokens, groups, records, offset, rowBytes)`
/// @param dotProducts `(turns, x, result) -> operations`
record NativeLibrary(String variant, MethodHandle multiplyInt8, MethodHandle multiplyInt4, MethodHandle multiplyF32,
    MethodHandle multiplyBf16, MethodHandle round, MethodHandle dotProducts) {
  /// Tried in turn; the first that is there must do.
  static final List<String> COMPILERS = List.of("cc", "gcc", "clang");
  private static final List<String> SOURCES = List.of("integer_kernels.c", "float_kernels.c");
  private static final Duration TIMEOUT = Duration.ofMinutes(1);
  private static final int MOST_MESSAGE = 2000;
  private static final String REMEDY = "; use --kernels java, or ";

  private static final AddressLayout ADDRESS = ValueLayout.ADDRESS;
  private static final MemoryLayout INT = ValueLayout.JAVA_INT;
  private static final MemoryLayout LONG = ValueLayout.JAVA_LONG;

  /// Options that let the compiler use all that this processor has.
  static List<String> optionsOfThisProcessor() {
    String architecture = System.getProperty("os.arch");
    return List.of(architecture.equals("amd64") || architecture.equals("x86_64") ? "-march=native" : "-mcpu=native");
  }

  /// Compiles in a private folder, which is gone afterwards, and loads.
  ///
  /// @param compilers commands, tried in turn until one is there
  /// @param options which processor to compile for
  /// @throws KernelsUnavailableException saying what is missing or what the compiler said
  static NativeLibrary compile(List<String> compilers, List<String> options) {
    try {
      Path folder = Files.createTempDirectory("llada-kernels-");
      try {
        return load(compile(folder, compilers, options));
      } finally {
        delete(folder);
      }
    } catch (IOException e) {
      throw new KernelsUnavailableException("native kernels need a folder for temporary files: " + e.getMessage()
          + REMEDY + "name one with LLADA_JAVA_OPTS=-Djava.io.tmpdir=DIR", e);
    }
  }

  private static Path compile(Path folder, List<String> compilers, List<String> options) throws IOException {
    List<String> files = new ArrayList<>();
    for (String source : SOURCES) {
      Path file = folder.resolve(source);
      try (InputStream text = NativeLibrary.class.getResourceAsStream(source)) {
        Files.copy(text, file);
      }
      files.add(file.toString());
    }
    Path library = folder.resolve(System.mapLibraryName("llada-kernels"));
    Path output = folder.resolve("output");
    for (String compiler : compilers) {
      List<String> command = new ArrayList<>(List.of(compiler, "-std=gnu11", "-O3", "-ffp-contract=off", "-w", "-fPIC",
          "-shared"));
      command.addAll(options);
      command.addAll(List.of("-o", library.toString()));
      command.addAll(files);
      command.add("-lm");
      Process process;
      try {
        process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start();
      } catch (IOException e) {
        continue; // not there
      }
      requireSuccess(compiler, process, output);
      return library;
    }
    throw new KernelsUnavailableException("native kernels need a C compiler, and none of %s can be started".formatted(
        String.join(", ", compilers)) + REMEDY + "install one, for example the package gcc");
  }

  private static void requireSuccess(String compiler, Process process, Path output) throws IOException {
    try {
      if (!process.waitFor(TIMEOUT.toSeconds(), TimeUnit.SECONDS)) {
        throw new KernelsUnavailableException("%s did not compile the native kernels within %d s".formatted(compiler,
            TIMEOUT.toSeconds()) + REMEDY + "try again on a machine less busy");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new KernelsUnavailableException("interrupted while " + compiler + " compiled the native kernels", e);
    } finally {
      process.destroyForcibly();
    }
    if (process.exitValue() != 0) {
      String said = new String(Files.readAllBytes(output)).strip();
      throw new KernelsUnavailableException("%s could not compile the native kernels (exit code %d): %s".formatted(
          compiler, process.exitValue(), said.substring(0, Math.min(MOST_MESSAGE, said.length()))) + REMEDY
          + "install another C compiler");
    }
  }

  private static NativeLibrary load(Path file) {
    try {
      @SuppressWarnings("restricted")
      SymbolLookup symbols = SymbolLookup.libraryLookup(file, Arena.global());
      FunctionDescriptor integers = FunctionDescriptor.ofVoid(ADDRESS, INT, INT, ADDRESS, LONG, LONG, INT, ADDRESS,
          LONG, LONG);
      FunctionDescriptor floats = FunctionDescriptor.ofVoid(ADDRESS, INT, INT, ADDRESS, LONG, INT, ADDRESS, LONG, LONG);
      return new NativeLibrary(variant(symbols), function(symbols, "llada_multiply_int8", integers), function(symbols,
          "llada_multiply_int4", integers), function(symbols, "llada_multiply_f32", floats),
          function(symbols,
              "llada_multiply_bf16", floats),
          function(symbols, "llada_round", FunctionDescriptor.ofVoid(ADDRESS, LONG,
              INT, INT, ADDRESS, LONG, LONG)),
          function(symbols, "llada_dot_products", FunctionDescriptor.of(
              ValueLayout.JAVA_LONG, LONG, ADDRESS, ADDRESS)));
    } catch (IllegalArgumentException e) {
      throw new KernelsUnavailableException("the compiled native kernels cannot be loaded: " + e.getMessage() + REMEDY
          + "see whether programs may be run from the folder of temporary files (LLADA_JAVA_OPTS=-Djava.io.tmpdir=DIR "
          + "names another)", e);
    }
  }

  @SuppressWarnings("restricted")
  private static MethodHandle function(SymbolLookup symbols, String name, FunctionDescriptor shape) {
    return Linker.nativeLinker().downcallHandle(symbols.findOrThrow(name), shape, Linker.Option.critical(true));
  }

  @SuppressWarnings("restricted")
  private static String variant(SymbolLookup symbols) {
    MethodHandle name = Linker.nativeLinker().downcallHandle(symbols.findOrThrow("llada_variant"), FunctionDescriptor
        .of(ADDRESS));
    try {
      MemorySegment text = (MemorySegment) name.invokeExact();
      return text.reinterpret(Long.MAX_VALUE).getString(0);
    } catch (Throwable e) {
      throw new IllegalStateException("native code cannot be called", e);
    }
  }

  private static void delete(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(folder);
  }
}

/// Times every kernel beside its scalar twin. Run by hand, see the module's README.
package io.llada.model.kernel.benchmark;

/// Who is alive and who holds what. A hint, never a guarantee: nothing that must be correct may depend on it.
package io.llada.cluster;

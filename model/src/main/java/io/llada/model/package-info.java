/// LLaDA as mathematics: configuration, checkpoint, kernels, layers and unmasking policies. No network, no clock.
package io.llada.model;

/// The way of token rows to the expert nodes and back: connections, dispatch, retry, combination.
package io.llada.coordinator.dispatch;

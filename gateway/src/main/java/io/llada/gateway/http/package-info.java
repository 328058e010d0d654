/** The OpenAI-compatible HTTP edge: JSON in, JSON or server-sent events out. */
package io.llada.gateway.http;

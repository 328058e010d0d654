/** Text to token ids and back, so that text can never become a control token. Needs no server. */
package io.llada.gateway.tokenizer;

/** Conversations to prompts and answers to tool calls, for each LLaDA family. Needs no server. */
package io.llada.gateway.chat;

/** JSON as it must be read from strangers and written into prompts. */
package io.llada.gateway.json;

/** The gateway process: its settings and the one place where its parts are put together. */
package io.llada.gateway;

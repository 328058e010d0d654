/** Why a request was not answered. */
package io.llada.gateway.failure;

package io.llada.gateway.http;

import com.linecorp.armeria.common.MediaType;
import com.linecorp.armeria.server.HttpService;
import com.linecorp.armeria.server.file.HttpFile;

/** The static page at {@code /}. It loads nothing from elsewhere and says so to the browser. */
public final class WebPage {
  private static final String DIRECTORY = "io/llada/gateway/web/";
  private static final String POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
      + "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

  private WebPage() {}

  /** @param name a file of the page, for example index.html */
  public static HttpService file(String name, MediaType type) {
    return HttpFile.builder(WebPage.class.getClassLoader(), DIRECTORY + name)
        .contentType(type)
        .cacheControl("no-cache")
        .setHeader("content-security-policy", POLICY)
        .setHeader("x-content-type-options", "nosniff")
        .setHeader("referrer-policy", "no-referrer")
        .build()
        .asService();
  }
}

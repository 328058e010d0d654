package io.llada.deploy.command;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.llada.deploy.offline.JsonLines;
import java.util.List;
import org.junit.jupiter.api.Test;

class StatusReportTest {
  @Test
  void aLostNodeHasNoLoadAndSaysWhy() throws JsonProcessingException {
    assertThat(lines(
        """
            {"ready":true,"reasons":[],"coordinators":[{"endpoint":"127.0.0.1:7001","state":"reachable","model":"tiny",
             "numericsClass":"cpu-f32-panel32","epoch":2,"running":1,"queued":3,"forwards":267,"tokens":700,
             "lastForwardAgeMillis":3374,"missingShards":[],"registry":"stale since 7 s","underReplicated":["layer 2 group 1"],
             "draining":true,"expertNodes":[
              {"id":"expert-2","endpoint":"127.0.0.1:34985","state":"ready","shards":16,"weightBytes":6291456,
               "queueDepth":0,"roundTripMicros":655.28,"detail":""},
              {"id":"expert-1","endpoint":"127.0.0.1:43607","state":"lost","shards":8,"weightBytes":3145728,
               "queueDepth":0,"roundTripMicros":0,"detail":"does not answer: io exception"}]}]}
            """))
        .containsExactly(
            "ready",
            "coordinator 127.0.0.1:7001: tiny, 1 running, 3 queued",
            "  267 forward passes, 700 tokens, last forward pass 3.4 s ago, placement epoch 2, cpu-f32-panel32",
            "  registry: stale since 7 s, shutting down",
            "  shards with too few owners: layer 2 group 1",
            "  expert node      address               state    shards    weights  queue  round trip",
            "  expert-2         127.0.0.1:34985       ready        16     6.3 MB      0     0.66 ms",
            "  expert-1         127.0.0.1:43607       lost          -          -      -           -"
                + "  does not answer: io exception");
  }

  @Test
  void anUnusableCoordinatorHasAReasonOnceAndNoFigures() throws JsonProcessingException {
    String coordinators = "\"coordinators\":[{\"endpoint\":\"c:1\",\"state\":\"unusable\",\"reason\":\"gone\"}]}";
    assertThat(lines("{\"ready\":false,\"reasons\":[\"coordinator c:1: gone\"]," + coordinators))
        .containsExactly("not ready", "  coordinator c:1: gone");
    assertThat(lines("{\"ready\":true,\"reasons\":[]," + coordinators)).containsExactly("ready",
        "coordinator c:1: gone");
  }

  @Test
  void shardsWithoutAnOwnerAreNamedAndBeforeTheFirstForwardPassThereIsNoAge() throws JsonProcessingException {
    assertThat(lines("""
        {"ready":false,"reasons":["no forward pass has ended well yet"],
         "coordinators":[{"endpoint":"c:1","state":"reachable","model":"tiny","numericsClass":"x","epoch":0,
          "lastForwardAgeMillis":-1,"missingShards":["layer 1 group 0","layer 1 group 1"],"expertNodes":[]}]}
        """)).contains("  no forward pass has ended well yet",
        "  shards without an owner: layer 1 group 0, layer 1 group 1",
        "  0 forward passes, 0 tokens, last forward pass none yet, placement epoch 0, x");
  }

  private static List<String> lines(String json) throws JsonProcessingException {
    return StatusReport.lines(JsonLines.JSON.readTree(json));
  }
}

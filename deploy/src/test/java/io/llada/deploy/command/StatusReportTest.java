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
             "draining":true,"hedges":3,"failovers":2,"plansMade":4,"plansTakenUp":1,"imbalance":1.137,"expertNodes":[
              {"id":"expert-2","endpoint":"127.0.0.1:34985","state":"ready","zone":"rack-1","device":"cpu",
               "shards":16,"weightBytes":6291456,"speed":0.8,"queueDepth":0,"roundTripMicros":655.28,
               "slowestRoundTripMicros":2040,"loadedBytes":{"peer":2097152,"checkpoint":4194304},"detail":""},
              {"id":"expert-1","endpoint":"127.0.0.1:43607","state":"lost","shards":8,"weightBytes":3145728,
               "queueDepth":0,"roundTripMicros":0,"detail":"does not answer: io exception"}]}]}
            """))
        .containsExactly(
            "ready",
            "coordinator 127.0.0.1:7001: tiny, 1 running, 3 queued",
            "  267 forward passes, 700 tokens, last forward pass 3.4 s ago, placement epoch 2, cpu-f32-panel32",
            "  3 hedges, 2 failovers; 4 plans made, 1 taken up; imbalance 1.14",
            "  registry: stale since 7 s, shutting down",
            "  shards with too few owners: layer 2 group 1",
            "  expert node      address               zone     state    shards    weights  speed  queue  round trip"
                + "     slowest loaded from              device",
            "  expert-2         127.0.0.1:34985       rack-1   ready        16     6.3 MB   0.80      0     0.66 ms"
                + "     2.04 ms checkpoint 4.2 MB, peer 2.1 MB cpu",
            "  expert-1         127.0.0.1:43607       -        lost          -          -      -      -           -"
                + "           - -                        does not answer: io exception");
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

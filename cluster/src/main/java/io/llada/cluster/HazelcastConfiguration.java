package io.llada.cluster;

import com.hazelcast.client.config.ClientConfig;
import com.hazelcast.client.config.ClientConnectionStrategyConfig.ReconnectMode;
import com.hazelcast.config.Config;
import com.hazelcast.config.JavaSerializationFilterConfig;
import com.hazelcast.config.JoinConfig;
import com.hazelcast.config.KubernetesConfig;
import com.hazelcast.config.MergePolicyConfig;
import com.hazelcast.config.NetworkConfig;
import io.llada.cluster.RegistrySettings.Discovery;
import java.util.Map;

/// Our settings as Hazelcast's. Everything that opens a door or calls home is off (REST is unless asked for); values are bytes of ours, so Java
/// serialisation is confined to Hazelcast's own classes.
final class HazelcastConfiguration {
  // A frozen process is noticed after MAX_SILENCE, a killed one at once.
  private static final Map<String, String> PROPERTIES = Map
      .ofEntries(Map.entry("hazelcast.heartbeat.interval.seconds", "1"),
          Map.entry("hazelcast.max.no.heartbeat.seconds", "5"),
          Map.entry("hazelcast.operation.call.timeout.millis", "5000"),
          // Members that lost sight of each other look for each other again after this long.
          Map.entry("hazelcast.merge.first.run.delay.seconds", "10"),
          Map.entry("hazelcast.merge.next.run.delay.seconds", "10"),
          Map.entry("hazelcast.mastership.claim.timeout.seconds", "10"),
          Map.entry("hazelcast.phone.home.enabled", "false"),
          Map.entry("hazelcast.shutdownhook.enabled", "false"),
          Map.entry("hazelcast.logging.type", "slf4j"), Map.entry("hazelcast.socket.bind.any", "false"),
          // The cores belong to the kernels: the grid carries a few small values a second.
          Map.entry("hazelcast.operation.thread.count", "2"),
          Map.entry("hazelcast.operation.generic.thread.count", "2"),
          Map.entry("hazelcast.io.thread.count", "1"), Map.entry("hazelcast.event.thread.count", "1"));
  private static final Map<String, String> CLIENT_PROPERTIES = Map
      .of("hazelcast.client.heartbeat.interval", "1000", "hazelcast.client.heartbeat.timeout", "5000",
          "hazelcast.client.invocation.timeout.seconds", "5", "hazelcast.client.statistics.enabled", "false",
          "hazelcast.logging.type", "slf4j");
  private static final int MAX_BACKOFF_MILLIS = 1_000;

  private HazelcastConfiguration() {}

  static Config member(RegistrySettings settings) {
    Config config = new Config();
    config.setClusterName(settings.clusterName());
    PROPERTIES.forEach(config::setProperty);
    config.getJetConfig().setEnabled(false);
    config.getSerializationConfig().setJavaSerializationFilterConfig(filter());
    NetworkConfig network = config.getNetworkConfig();
    network.setPort(settings.port()).setPortAutoIncrement(false);
    network.getInterfaces().setEnabled(true).addInterface(settings.host());
    JoinConfig join = network.getJoin();
    join.getAutoDetectionConfig().setEnabled(false);
    join.getMulticastConfig().setEnabled(false);
    switch (settings.discovery()) {
      case Discovery.Fixed fixed -> {
        join.getTcpIpConfig().setEnabled(true);
        fixed.endpoints().forEach(join.getTcpIpConfig()::addMember);
      }
      case Discovery.Kubernetes kubernetes -> find(join.getKubernetesConfig(), kubernetes);
    }
    // Leases are rewritten all the time; of two plans the newer one counts, on whichever side of a split it was made.
    config.getMapConfig(HazelcastRegistry.PLACEMENT).setMergePolicyConfig(new MergePolicyConfig(
        NewerPlacementWins.class.getName(), MergePolicyConfig.DEFAULT_BATCH_SIZE));
    return config;
  }

  static ClientConfig client(RegistrySettings settings) {
    ClientConfig config = new ClientConfig();
    config.setClusterName(settings.clusterName());
    CLIENT_PROPERTIES.forEach(config::setProperty);
    config.getSerializationConfig().setJavaSerializationFilterConfig(filter());
    switch (settings.discovery()) {
      case Discovery.Fixed fixed -> fixed.endpoints().forEach(config.getNetworkConfig()::addAddress);
      case Discovery.Kubernetes kubernetes -> find(config.getNetworkConfig().getKubernetesConfig(), kubernetes);
    }
    config.getNetworkConfig().getAutoDetectionConfig().setEnabled(false);
    // A node starts and serves without the grid and joins it whenever it appears.
    config.getConnectionStrategyConfig().setAsyncStart(true).setReconnectMode(ReconnectMode.ASYNC);
    config.getConnectionStrategyConfig().getConnectionRetryConfig().setClusterConnectTimeoutMillis(Long.MAX_VALUE)
        .setMaxBackoffMillis(MAX_BACKOFF_MILLIS);
    return config;
  }

  private static void find(KubernetesConfig config, Discovery.Kubernetes kubernetes) {
    config.setEnabled(true).setProperty("service-dns", kubernetes.serviceDns()).setProperty("service-port",
        "" + kubernetes
            .port());
  }

  private static JavaSerializationFilterConfig filter() {
    JavaSerializationFilterConfig filter = new JavaSerializationFilterConfig();
    filter.setDefaultsDisabled(true);
    // Errors cross the grid with their stack traces and what they suppress. One that is refused leaves its caller waiting.
    filter.getWhitelist().addPrefixes("com.hazelcast.", "java.lang.", "[Ljava.lang.", "java.io.", "java.net.",
        "java.util.concurrent.", "java.util.Collections$");
    filter.getWhitelist().addClasses(NewerPlacementWins.class.getName(), "java.util.ArrayList",
        "java.util.CollSer", "java.util.NoSuchElementException", "java.util.ConcurrentModificationException");
    return filter;
  }
}

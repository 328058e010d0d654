package io.llada.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.hazelcast.client.config.ClientConfig;
import com.hazelcast.config.Config;
import com.hazelcast.config.JoinConfig;
import com.hazelcast.config.KubernetesConfig;
import io.llada.cluster.RegistrySettings.Discovery;
import io.llada.cluster.RegistrySettings.Mode;
import java.util.List;
import org.junit.jupiter.api.Test;

class HazelcastConfigurationTest {
  private static final List<String> MEMBERS = List.of("10.0.0.1:5701", "10.0.0.2:5701");

  @Test
  void aMemberOpensOneDoorAndCallsNobody() {
    Config config = HazelcastConfiguration.member(RegistrySettings.member("grid", "10.0.0.1", 5701, MEMBERS));

    assertThat(config.getClusterName()).isEqualTo("grid");
    assertThat(config.getJetConfig().isEnabled()).isFalse();
    assertThat(config.getNetworkConfig().getJoin().getMulticastConfig().isEnabled()).isFalse();
    assertThat(config.getNetworkConfig().getJoin().getAutoDetectionConfig().isEnabled()).isFalse();
    assertThat(config.getNetworkConfig().getJoin().getTcpIpConfig().getMembers()).isEqualTo(MEMBERS);
    assertThat(config.getNetworkConfig().getInterfaces().getInterfaces()).containsExactly("10.0.0.1");
    assertThat(config.getNetworkConfig().isPortAutoIncrement()).isFalse();
    assertThat(config.getProperty("hazelcast.phone.home.enabled")).isEqualTo("false");
    assertThat(config.getProperty("hazelcast.socket.bind.any")).isEqualTo("false");
    assertThat(config.getProperty("hazelcast.heartbeat.interval.seconds")).isEqualTo("1");
    assertThat(config.getProperty("hazelcast.max.no.heartbeat.seconds")).isEqualTo("5");
    assertThat(config.getSerializationConfig().getJavaSerializationFilterConfig().isDefaultsDisabled()).isTrue();
  }

  @Test
  void aClientKnowsItsMembersAndWaitsForNobody() {
    ClientConfig config = HazelcastConfiguration.client(RegistrySettings.client("grid", MEMBERS));

    assertThat(config.getNetworkConfig().getAddresses()).isEqualTo(MEMBERS);
    assertThat(config.getNetworkConfig().getAutoDetectionConfig().isEnabled()).isFalse();
    assertThat(config.getConnectionStrategyConfig().isAsyncStart()).isTrue();
    assertThat(config.getSerializationConfig().getJavaSerializationFilterConfig().isDefaultsDisabled()).isTrue();
  }

  @Test
  void inKubernetesMembersAreFoundByTheirService() {
    Discovery pods = new Discovery.Kubernetes("registry.default.svc.cluster.local", 5702);
    Config member = HazelcastConfiguration.member(new RegistrySettings(Mode.MEMBER, "grid", "10.0.0.1", 5702, pods));
    ClientConfig client = HazelcastConfiguration.client(new RegistrySettings(Mode.CLIENT, "grid", "", 0, pods));

    JoinConfig join = member.getNetworkConfig().getJoin();
    assertThat(join.getTcpIpConfig().isEnabled()).isFalse();
    assertThat(join.getMulticastConfig().isEnabled()).isFalse();
    for (KubernetesConfig config : List.of(join.getKubernetesConfig(),
        client.getNetworkConfig().getKubernetesConfig())) {
      assertThat(config.isEnabled()).isTrue();
      assertThat(config.getProperty("service-dns")).isEqualTo("registry.default.svc.cluster.local");
      assertThat(config.getProperty("service-port")).isEqualTo("5702");
    }
  }

  @Test
  void settingsThatCannotWorkAreRefused() {
    assertThatThrownBy(() -> RegistrySettings.client("grid", List.of())).hasMessageContaining("member");
    assertThatThrownBy(() -> RegistrySettings.member("grid", "127.0.0.1", 0, MEMBERS))
        .hasMessageContaining("found 0");
    assertThatThrownBy(() -> new Discovery.Kubernetes("", 5701)).hasMessageContaining("DNS");
    assertThatThrownBy(() -> RegistrySettings.member(" ", "127.0.0.1", 1, MEMBERS)).hasMessageContaining("name");
  }
}

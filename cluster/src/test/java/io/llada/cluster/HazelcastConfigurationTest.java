package io.llada.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.hazelcast.client.config.ClientConfig;
import com.hazelcast.config.Config;
import com.hazelcast.config.JoinConfig;
import com.hazelcast.config.KubernetesConfig;
import com.hazelcast.core.HazelcastInstanceNotActiveException;
import com.hazelcast.internal.serialization.Data;
import com.hazelcast.internal.serialization.SerializationService;
import com.hazelcast.internal.serialization.impl.DefaultSerializationServiceBuilder;
import com.hazelcast.spi.exception.TargetNotMemberException;
import io.llada.cluster.RegistrySettings.Discovery;
import io.llada.cluster.RegistrySettings.Mode;
import java.io.IOException;
import java.net.ConnectException;
import java.util.BitSet;
import java.util.ConcurrentModificationException;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

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

  @ParameterizedTest
  @MethodSource
  void anErrorGetsThroughWithAllThatBelongsToIt(Exception error) {
    error.addSuppressed(new IOException("suppressed", new IllegalStateException("inner")));
    SerializationService grid = serialization();

    Exception received = grid.toObject(grid.toData(error));

    assertThat(received).isInstanceOf(error.getClass()).hasMessage(error.getMessage());
    assertThat(received.getStackTrace()).hasSameSizeAs(error.getStackTrace());
    assertThat(received.getSuppressed()).hasSize(1);
  }

  static Stream<Exception> anErrorGetsThroughWithAllThatBelongsToIt() {
    return Stream.of(new HazelcastInstanceNotActiveException("not active"), new TargetNotMemberException("not here"),
        new TimeoutException("late"), new CancellationException("cancelled"), new ConnectException("refused"),
        new ExecutionException(new NoSuchElementException("nothing")), new ConcurrentModificationException("changed"));
  }

  @Test
  void nothingElseGetsThrough() {
    SerializationService grid = serialization();
    Data received = grid.toData(new BitSet(1));

    assertThatThrownBy(() -> grid.toObject(received)).hasMessageContaining("java.util.BitSet is not allowed");
  }

  private static SerializationService serialization() {
    return new DefaultSerializationServiceBuilder().setConfig(HazelcastConfiguration.member(RegistrySettings.member(
        "grid", "10.0.0.1", 5701, MEMBERS)).getSerializationConfig()).build();
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

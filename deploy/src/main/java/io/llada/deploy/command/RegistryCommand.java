package io.llada.deploy.command;

import io.llada.cluster.HazelcastRegistry;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// One member of the registry that does nothing else.
@Command(name = "registry", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Keeps the leases of expert nodes, for coordinators that are not members of the registry themselves",
    "(--registry-role client). Run three on different machines; the cluster serves on when all of them are gone."})
public final class RegistryCommand implements Callable<Integer> {
  @Mixin
  private ListenOptions listen;

  @Mixin
  private RegistryPort port;

  @Mixin
  private RegistryMembers members;

  @Mixin
  private ParentOption parent;

  @Override
  public Integer call() throws Exception {
    listen.requireSafe();
    parent.watch();
    try (HazelcastRegistry _ = HazelcastRegistry.open(members.member(listen.host(), port.number()))) {
      System.out.println("ready " + listen.host() + ":" + port.number());
      Processes.awaitTermination();
    }
    return 0;
  }
}

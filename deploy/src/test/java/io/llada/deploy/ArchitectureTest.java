package io.llada.deploy;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/// The walls between modules and around libraries.
@AnalyzeClasses(packages = "io.llada", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String[] GENERATED = {"io.llada.proto.v1..", "io.llada.proto.internal.v1.."};

  @ArchTest
  static final ArchRule protoDependsOnNothingOfOurs = noClasses().that().resideInAPackage("io.llada.proto..").should()
      .dependOnClassesThat().resideInAnyPackage("io.llada.model..", "io.llada.cluster..", "io.llada.coordinator..",
          "io.llada.expertnode..", "io.llada.gateway..", "io.llada.deploy..");

  @ArchTest
  static final ArchRule modelDependsOnNothingOfOurs = noClasses().that().resideInAPackage("io.llada.model..").should()
      .dependOnClassesThat().resideInAnyPackage("io.llada.proto..", "io.llada.cluster..", "io.llada.coordinator..",
          "io.llada.expertnode..", "io.llada.gateway..", "io.llada.deploy..", "io.grpc..");

  @ArchTest
  static final ArchRule clusterDependsOnNothingOfOurs = noClasses().that().resideInAPackage("io.llada.cluster..")
      .should().dependOnClassesThat().resideInAnyPackage("io.llada.proto..", "io.llada.model..",
          "io.llada.coordinator..", "io.llada.expertnode..", "io.llada.gateway..", "io.llada.deploy..");

  @ArchTest
  static final ArchRule applicationsDoNotKnowEachOther = slices()
      .matching("io.llada.(coordinator|expertnode|gateway)..")
      .should().notDependOnEachOther();

  @ArchTest
  static final ArchRule theGatewayHoldsNoModel = noClasses().that().resideInAPackage("io.llada.gateway..").should()
      .dependOnClassesThat().resideInAPackage("io.llada.model..");

  @ArchTest
  static final ArchRule packagesHaveNoCycles = slices().matching("io.llada.(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule aparapiStaysInItsPackage = noClasses().that().resideOutsideOfPackage(
      "io.llada.model.kernel.opencl..").should().dependOnClassesThat().resideInAPackage("com.aparapi..");

  @ArchTest
  static final ArchRule vectorsStayInTheKernelsAndTheCodec = noClasses().that()
      .resideOutsideOfPackage("io.llada.model.kernel..").and()
      .doNotHaveFullyQualifiedName("io.llada.proto.wire.Bf16Rows").should().dependOnClassesThat()
      .resideInAPackage("jdk.incubator.vector..");

  @ArchTest
  static final ArchRule hazelcastStaysInTheCluster = noClasses().that().resideOutsideOfPackage("io.llada.cluster..")
      .should().dependOnClassesThat().resideInAPackage("com.hazelcast..");

  @ArchTest
  static final ArchRule generatedTypesStayAtTheEdges = classes().that().resideInAnyPackage(GENERATED).should()
      .onlyBeAccessed().byClassesThat(JavaClass.Predicates.resideInAnyPackage(
          "io.llada.proto..", "io.llada.coordinator.edge..", "io.llada.gateway.grpc..").or(
              DescribedPredicate.describe("are edge classes",
                  type -> type.getSimpleName().matches(
                      "Grpc.*|.*Messages|NodeControl|ExpertControlService|GatewayServer|GatewayRoutes")
                      || type.getName().contains(
                          "ExpertControlService$")
                      || type.getName().contains("NodeControl$") || type.getName().contains(
                          "$"))));

  @ArchTest
  static final ArchRule nothingDeserialisesObjectsFromTheNetwork = noClasses().should().dependOnClassesThat()
      .haveFullyQualifiedName("java.io.ObjectInputStream");
}

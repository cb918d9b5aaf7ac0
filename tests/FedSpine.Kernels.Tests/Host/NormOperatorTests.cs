using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

public sealed class RmsNormOperatorTests() : HostOperatorTests(new RmsNormSuite());

public sealed class LayerNormOperatorTests() : HostOperatorTests(new LayerNormSuite());

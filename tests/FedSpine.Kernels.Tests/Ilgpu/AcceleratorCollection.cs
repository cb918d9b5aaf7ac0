namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>One test at a time on the accelerators: a backend has one caller.</summary>
[CollectionDefinition(nameof(Accelerators))]
public sealed class AcceleratorCollection;

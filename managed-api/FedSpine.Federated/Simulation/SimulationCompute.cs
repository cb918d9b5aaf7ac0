using FedSpine.Kernels;

namespace FedSpine.Federated.Simulation;

/// <summary>Where a simulation computes.</summary>
/// <param name="Threads">On the host: virtual devices trained side by side; 0: one per core. Does not change results.</param>
/// <param name="Accelerator">The caller's; one virtual device at a time trains on it. Null: the host.</param>
/// <param name="Device">What the run's records call it: "host", "cuda:0".</param>
public readonly record struct SimulationCompute(int Threads, IComputeBackend? Accelerator = null, string Device = "host");

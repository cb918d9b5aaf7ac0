namespace FedSpine.Kernels.Ilgpu;

/// <summary>A device that ILGPU sees.</summary>
/// <param name="Id">What opens it: "cuda:0", "opencl:1", "ilgpu-cpu".</param>
/// <param name="Name">The maker's name for it.</param>
/// <param name="MemoryBytes">Its memory; 0 where that is the machine's.</param>
/// <param name="Problem">Why it cannot be used; null where it can.</param>
/// <param name="IsGpu">A processor of its own, with memory of its own or a share of the machine's: not the CPU under another name.</param>
public sealed record IlgpuDevice(string Id, string Name, long MemoryBytes, string? Problem, bool IsGpu)
{
    /// <summary>CUDA's compute capability, "8.6"; null on other devices.</summary>
    public string? ComputeCapability { get; init; }

    /// <summary>Whether products in TF32 and BF16 can be asked for.</summary>
    public bool HasTensorProducts { get; init; }

    /// <summary>The cuBLAS library that loads here, on CUDA devices; null where none does.</summary>
    public string? BlasLibrary { get; init; }

    /// <summary>Runs kernels step by step on the host: for looking at them, not for models.</summary>
    public bool IsDebugger => Id == IlgpuDevices.Debugger;
}

using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FedSpine.Kernels.Host;

/// <summary>Vector width of the host backend, in floats per vector.</summary>
public enum HostIsa
{
    Scalar = 1,
    Vector128 = 4,
    Vector256 = 8,
    Vector512 = 16,
}

/// <summary>What this machine can run.</summary>
public static class HostIsaSupport
{
    /// <summary>The widest path that runs in hardware here.</summary>
    public static HostIsa Best { get; } =
        IsSupported(HostIsa.Vector512) ? HostIsa.Vector512 :
        IsSupported(HostIsa.Vector256) ? HostIsa.Vector256 :
        IsSupported(HostIsa.Vector128) ? HostIsa.Vector128 : HostIsa.Scalar;

    /// <summary>Whether <paramref name="isa"/> runs in hardware here (scalar always does).</summary>
    public static bool IsSupported(HostIsa isa) => isa switch
    {
        HostIsa.Vector512 => Avx512F.IsSupported,
        HostIsa.Vector256 => Vector256.IsHardwareAccelerated && Fma.IsSupported,
        HostIsa.Vector128 => Vector128.IsHardwareAccelerated,
        _ => true,
    };
}

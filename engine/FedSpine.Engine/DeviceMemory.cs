using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine;

/// <summary>Memory of a device for a purpose: where it is refused, the failure says what for, how much, and what would need less.</summary>
internal static class DeviceMemory
{
    public const string LessActivations = "a smaller --batch, a shorter --length, --recompute full, or --memory SIZE, which chooses among these, needs less";

    /// <param name="purpose">"activations and scratch of a training step of 8 x 128 tokens".</param>
    /// <param name="remedy">What needs less, by the command line's names.</param>
    /// <exception cref="FedSpineException">The device has not that much left.</exception>
    public static Arena Allocate(this IComputeBackend backend, long bytes, string purpose, string remedy)
    {
        try
        {
            return backend.Allocate(bytes);
        }
        catch (OutOfMemoryException refused)
        {
            string numbers = refused is InsufficientMemoryException ? refused.Message : FormattableString.Invariant($"{bytes:N0} bytes do not fit on {backend.Name}");
            throw new FedSpineException($"out of memory for {purpose} ({ByteSize.Format(bytes)}): {numbers}; {remedy}", refused);
        }
    }
}

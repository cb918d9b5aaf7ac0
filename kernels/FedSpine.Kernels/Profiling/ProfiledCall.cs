namespace FedSpine.Kernels.Profiling;

/// <summary>One operator call as it ran.</summary>
/// <param name="Operator">Its name; for Map the formula's: "Map Gelu".</param>
/// <param name="Label">Of the weight it read, or else of the last one read before it: where in the model it is. Null before the first.</param>
/// <param name="Start">Ticks of <see cref="System.Diagnostics.Stopwatch"/>.</param>
/// <param name="Ticks">How long it took.</param>
/// <param name="Flops">Floating-point operations, a multiply-add counting two.</param>
/// <param name="Bytes">Bytes of its operands, each counted once: what it must at least move.</param>
public readonly record struct ProfiledCall(string Operator, string? Label, long Start, long Ticks, long Flops, long Bytes);

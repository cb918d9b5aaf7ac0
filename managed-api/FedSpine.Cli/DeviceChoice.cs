using FedSpine.Engine;
using FedSpine.Kernels.Ilgpu;

namespace FedSpine.Cli;

/// <summary>
/// Where to compute, and how the products there: "host", "cuda:0", "cuda:0+bf16", "cuda:0+blas". The text stands in a run's configuration and in its
/// results, so that a run goes on with the products it was begun with.
/// </summary>
/// <param name="Id">As <c>fedspine devices</c> lists it.</param>
internal sealed record DeviceChoice(string Id, IlgpuOptions Products)
{
    private const string Blas = "blas";

    /// <exception cref="InputException">Products that there are not.</exception>
    public static DeviceChoice Parse(string text)
    {
        if (text.Split('+', 2) is not [var id, var products])
            return new DeviceChoice(IlgpuDevices.FullId(text), IlgpuOptions.Default);
        id = IlgpuDevices.FullId(id);
        if (products == Blas)
            return new DeviceChoice(id, new IlgpuOptions { Blas = true });
        foreach (var precision in Enum.GetValues<MatMulPrecision>())
        {
            if (precision.Label() == products)
                return new DeviceChoice(id, new IlgpuOptions { Precision = precision });
        }

        throw new InputException($"device {text}: after + expected {string.Join(", ", Enum.GetValues<MatMulPrecision>().Select(p => p.Label()))} or {Blas}");
    }

    /// <summary>What the command line says; else what the run has, whose products go with its device; else the best of the machine.</summary>
    /// <param name="id">--device; null: not given.</param>
    /// <param name="products">--matmul and --blas; null: neither was given.</param>
    /// <param name="recorded">In the run's configuration; null: none is, or there is no run.</param>
    /// <param name="best">The machine's, without --device.</param>
    public static DeviceChoice Of(string? id, IlgpuOptions? products, DeviceChoice? recorded, Func<string> best)
    {
        string chosen = id is null ? recorded?.Id ?? best() : IlgpuDevices.FullId(id);
        return new DeviceChoice(chosen, products ?? (recorded?.Id == chosen ? recorded.Products : IlgpuOptions.Default));
    }

    /// <summary>Refuses products that only CUDA has elsewhere.</summary>
    /// <exception cref="InputException">There are such.</exception>
    public void RequireProducts()
    {
        if (Products != IlgpuOptions.Default && !Id.StartsWith("cuda", StringComparison.Ordinal))
            throw new InputException($"{(Products.Blas ? "--blas" : $"--matmul {Products.Precision.Label()}")} needs --device cuda, not {Id}");
    }

    public override string ToString() => Products switch
    {
        { Blas: true } => $"{Id}+{Blas}",
        { Precision: not MatMulPrecision.Float32 } => $"{Id}+{Products.Precision.Label()}",
        _ => Id,
    };
}

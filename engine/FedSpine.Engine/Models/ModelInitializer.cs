using FedSpine.Engine.Formats;
using FedSpine.Kernels;

namespace FedSpine.Engine.Models;

/// <summary>
/// Random initial values. Every parameter draws from a stream named by the seed and its own name, so that what else is
/// initialised, and in which order, changes nothing.
/// </summary>
public static class ModelInitializer
{
    /// <summary>
    /// sqrt(2 / (5 d)) (Nguyen and Salazar, arXiv 1910.05895): 0.023 at BERT's width of 768, where Hugging Face takes 0.02; at a width
    /// of 64, 0.02 would leave attention blind for thousands of steps.
    /// </summary>
    private static double StandardDeviation(int columns) => Math.Sqrt(2.0 / (5 * columns));

    /// <summary>Every parameter, as before pretraining: matrices normal(0, sqrt(2 / (5 in))), norms one, biases zero; adapters as below.</summary>
    public static void Initialize(Model model, ulong seed)
    {
        foreach (var parameter in model.Parameters)
            Initialize(model.Backend, parameter, seed);
    }

    /// <summary>
    /// The LoRA factors as PEFT: A uniform in +-1/sqrt(in) (Kaiming uniform with a = sqrt 5), B zero, so that the adapter starts
    /// as no change.
    /// </summary>
    public static void InitializeAdapter(Model model, ulong seed)
    {
        foreach (var linear in model.Layers.SelectMany(l => l.Linears).Where(l => l.A is not null))
        {
            Initialize(model.Backend, linear.A!, seed);
            Initialize(model.Backend, linear.B!, seed);
        }
    }

    public static void Initialize(IComputeBackend backend, Parameter parameter, ulong seed)
    {
        var values = new float[parameter.Length];
        if (parameter.IsVector)
        {
            // The only vectors that are weights are norms; the others are biases.
            Array.Fill(values, parameter.Name.EndsWith(".weight", StringComparison.Ordinal) ? 1 : 0);
        }
        else if (!parameter.Name.EndsWith(".lora_B.weight", StringComparison.Ordinal))
        {
            var random = new DeterministicRandom(seed, StableHash(parameter.Name));
            bool factor = parameter.Name.EndsWith(".lora_A.weight", StringComparison.Ordinal);
            double bound = 1 / Math.Sqrt(parameter.Columns), deviation = StandardDeviation(parameter.Columns);
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)(factor ? random.NextDouble(-bound, bound) : deviation * random.NextGaussian());
        }

        parameter.Write(backend, 0, values);
    }

    /// <summary>FNV-1a, 64 bits: string.GetHashCode differs between runs.</summary>
    private static ulong StableHash(string text)
    {
        ulong hash = 14695981039346656037;
        foreach (char c in text)
            hash = (hash ^ c) * 1099511628211;
        return hash;
    }
}

using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats;

/// <summary>Which tensor of a checkpoint each parameter comes from, settled and checked before any memory is asked for.</summary>
internal sealed class TensorPlan(Checkpoint checkpoint, ModelConfig config, ModelSpec spec, bool newLabels)
{
    private readonly Dictionary<string, string> _sources = new(StringComparer.Ordinal);

    /// <summary>Parameters that start at random.</summary>
    public List<string> Initialised { get; } = [];

    /// <summary>Tensors without a place.</summary>
    public List<string> Ignored { get; } = [];

    /// <exception cref="InputException">A tensor is missing, has another shape than the config says, or has no place in the architecture.</exception>
    public void Match(IReadOnlyList<Parameter> parameters)
    {
        // A head may start at random only where another one (or none) was saved.
        bool newHead = !config.HasHead || config.Spec.Head != spec.Head;
        string outName = spec.Family switch
        {
            ModelFamily.Roberta => "classifier.out_proj.",
            ModelFamily.Bert => "classifier.",
            _ => "score.",
        };
        foreach (var parameter in parameters.Where(p => !IsFactor(p)))
        {
            bool ofHead = TensorNames.IsOfHead(spec.Family, parameter.Name);
            string? source = TensorNames.Candidates(spec, parameter.Name).FirstOrDefault(name => checkpoint.TryGet(name, out _, out _));
            bool random = newLabels && parameter.Name.StartsWith(outName, StringComparison.Ordinal);
            if (random || (source is null && ofHead && newHead))
                Initialised.Add(parameter.Name);
            else if (source is null)
                throw InputException.InFile(checkpoint.Path, $"tensor {parameter.Name} {Shape(parameter)} is missing");
            else
                CheckShape(parameter, source);
            if (source is not null)
                _sources[parameter.Name] = source;
        }

        CheckRest();
        foreach (string name in Initialised)
            _sources.Remove(name);
    }

    public void Upload(Model model, ulong seed)
    {
        var buffer = TensorUpload.Buffer(model);
        foreach (var parameter in model.Parameters)
        {
            if (!_sources.TryGetValue(parameter.Name, out string? source))
            {
                ModelInitializer.Initialize(model.Backend, parameter, seed);
                continue;
            }

            checkpoint.TryGet(source, out var file, out var tensor);
            TensorUpload.Run(model.Backend, parameter, file, tensor, buffer);
        }
    }

    private static bool IsFactor(Parameter parameter) => parameter.Name.Contains(".lora_", StringComparison.Ordinal);

    private void CheckShape(Parameter parameter, string source)
    {
        checkpoint.TryGet(source, out var file, out var tensor);
        TensorUpload.CheckShape(parameter, file, tensor, ModelConfig.FileName);
    }

    /// <summary>Tensors left over: another head's are listed, one inside the blocks means that the config describes another model.</summary>
    private void CheckRest()
    {
        var used = _sources.Values.ToHashSet(StringComparer.Ordinal);
        foreach (string name in checkpoint.Names.Where(n => !used.Contains(n) && !TensorNames.IsRedundant(spec, n)))
        {
            if (!TensorNames.IsOfHead(spec.Family, name) && TensorNames.IsOfBase(spec.Family, name))
                throw InputException.InFile(checkpoint.Path, $"tensor {name} has no place in the model that {ModelConfig.FileName} describes");
            Ignored.Add(name);
        }
    }

    private static string Shape(Parameter p) => p.IsVector ? $"[{p.Rows}]" : $"[{p.Rows}, {p.Columns}]";
}

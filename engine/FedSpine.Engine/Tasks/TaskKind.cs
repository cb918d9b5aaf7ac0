namespace FedSpine.Engine.Tasks;

/// <summary>What a model is tuned or tested for.</summary>
public enum TaskKind
{
    /// <summary>Each text, or pair of texts, has one of the classes.</summary>
    Classification,

    /// <summary>Each token is predicted from those before it; of a prompt and its answer, only the answer's.</summary>
    CausalLm,
}

using FedSpine.Engine.Models;
using FedSpine.Engine.Profiling;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Generation;

/// <summary>
/// Runs a causal language model token by token: a prompt in one pass, then one token per sequence and step, with the keys and values
/// of what came before in a <see cref="KeyValueCache"/>. Adapters may be merged or apart. A step allocates nothing.
/// </summary>
/// <remarks>
/// Up to <see cref="MaxExactRows"/> sequences are decoded with the same bits as one alone: none depends on its neighbours.
/// Not thread-safe.
/// </remarks>
public sealed class Decoder : IDisposable
{
    /// <summary>Rows up to which products sum in the same order, however many rows there are.</summary>
    public const int MaxExactRows = 4;

    internal const string LessContext = "a smaller --context or a shorter prompt needs less, a --base of bf16 or q8_0 leaves more";

    private readonly Model _model;
    private readonly ModelPass _pass;
    private readonly Batch _prompt;
    private readonly Batch _tokens;
    private readonly Arena _stepArena;
    private readonly Workspace _step;
    private Arena? _promptArena;
    private Workspace? _promptPass;
    private int _plannedPrompt;

    /// <param name="rows">Sequences at once.</param>
    /// <param name="context">Tokens a sequence can have, prompt included.</param>
    /// <exception cref="InputException">The model predicts no next token, or its positions do not reach that far.</exception>
    public Decoder(Model model, int rows, int context)
    {
        if (model.Spec.Head != ModelHead.CausalLm)
            throw new InputException($"a {model.Spec.Family} model with a {model.Spec.Head} head generates no text: a causal language model (LLaMA, Mistral, Qwen2) does");
        _model = model;
        _pass = new ModelPass(model, rows, context);
        _prompt = new Batch(1, context);
        _tokens = new Batch(rows, 1) { B = rows, T = 1 };
        _tokens.Lengths.AsSpan().Fill(1);
        KeyValueCache? cache = null;
        try
        {
            Cache = cache = new KeyValueCache(model, rows, context);
            var plan = Plan(_tokens, continues: true);
            _stepArena = model.Backend.Allocate(plan.Bytes, "activations of a token", LessContext);
            _step = Workspace.Replay(plan, _stepArena);
        }
        catch
        {
            cache?.Dispose();
            _pass.Dispose();
            throw;
        }
    }

    public KeyValueCache Cache { get; }

    /// <summary>C, the vocabulary: logits of a token.</summary>
    public int LogitColumns => _pass.LogitColumns;

    /// <summary>Starts the sequence in a row with a prompt, in one pass; logits (C) are those after its last token.</summary>
    /// <exception cref="InputException">The prompt is empty or exceeds the context.</exception>
    public void Prefill(int row, ReadOnlySpan<int> ids, Span<float> logits)
    {
        if (ids.IsEmpty)
            throw new InputException("the prompt is empty, and the tokenizer has no token that starts a text");
        if (ids.Length > Cache.Capacity)
            throw new InputException($"the prompt has {ids.Length} tokens, the context holds {Cache.Capacity}");
        (_prompt.B, _prompt.T, _prompt.Lengths[0]) = (1, ids.Length, ids.Length);
        ids.CopyTo(_prompt.Ids);
        Reserve(ids.Length);
        _pass.Continue(_model.Backend, _promptPass!, _prompt, new CachedRows(Cache, row, Continues: false), logits);
        Cache.SetLength(row, ids.Length);
    }

    /// <summary>One more token for each of the first rows; logits (rows, C) are those after it.</summary>
    /// <exception cref="InvalidOperationException">A row has no prompt, or its context is full.</exception>
    public void Step(ReadOnlySpan<int> ids, Span<float> logits)
    {
        for (int row = 0; row < ids.Length; row++)
        {
            if (Cache.Lengths[row] is var length && (length == 0 || length == Cache.Capacity))
                throw new InvalidOperationException($"row {row} holds {length} tokens of {Cache.Capacity}: there is nothing to continue, or no room");
        }

        _tokens.B = ids.Length;
        ids.CopyTo(_tokens.Ids);
        _pass.Continue(_model.Backend, _step, _tokens, new CachedRows(Cache, 0, Continues: true), logits);
        for (int row = 0; row < ids.Length; row++)
            Cache.SetLength(row, Cache.Lengths[row] + 1);
        EngineEvents.Log.Generated(ids.Length);
    }

    public void Dispose()
    {
        _pass.Dispose();
        Cache.Dispose();
        _stepArena.Dispose();
        _promptArena?.Dispose();
    }

    /// <summary>Activations for the longest prompt so far: they follow what is asked for, the cache holds the whole context.</summary>
    private void Reserve(int T)
    {
        if (T <= _plannedPrompt)
            return;
        _promptArena?.Dispose();
        var plan = Plan(Batch.Full(1, T), continues: false);
        _promptArena = _model.Backend.Allocate(plan.Bytes, $"activations of a prompt of {T} tokens", LessContext);
        _promptPass = Workspace.Replay(plan, _promptArena);
        _plannedPrompt = T;
    }

    private WorkspacePlan Plan(Batch batch, bool continues)
    {
        var workspace = Workspace.Record();
        _pass.Continue(new RecordingBackend(), workspace, batch, new CachedRows(Cache, 0, continues), new float[batch.B * LogitColumns]);
        return workspace.Plan();
    }
}

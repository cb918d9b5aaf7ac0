using System.Diagnostics;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;

namespace FedSpine.Engine.Generation;

/// <summary>
/// Continues texts: <c>foreach (string piece in generator.Stream(prompt))</c>, or several prompts at once with
/// <see cref="Generate(IReadOnlyList{string}, GenerationOptions?, CancellationToken)"/>. Prompts are continued as they are: chat
/// templates are not applied. Not thread-safe.
/// </summary>
public sealed class TextGenerator : IDisposable
{
    /// <summary>The context when none is asked for, where the model allows it: the cache is allocated for all of it.</summary>
    public const int DefaultContext = 4096;

    private readonly TextTokenizer _tokenizer;
    private readonly Decoder _decoder;
    private readonly int[] _ends;
    private readonly int[] _ids;      // (rows)
    private readonly float[] _logits; // (rows, C)

    /// <param name="context">Tokens of prompt and text at most; null: <see cref="DefaultContext"/> or what the model allows.</param>
    /// <param name="rows">Prompts that are continued at once.</param>
    /// <exception cref="InputException">The model generates no text, or its positions do not reach that far.</exception>
    public TextGenerator(Model model, TextTokenizer tokenizer, int? context = null, int rows = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(rows, Math.Clamp(rows, 1, Decoder.MaxExactRows));
        _tokenizer = tokenizer;
        Context = context ?? Math.Min(model.Spec.MaxLength, DefaultContext);
        _decoder = new Decoder(model, rows, Context);
        _ends = [.. new[] { model.Spec.EosId, tokenizer.EosId }.OfType<int>().Distinct()];
        _ids = new int[rows];
        _logits = new float[rows * _decoder.LogitColumns];
    }

    /// <summary>Tokens of prompt and text at most.</summary>
    public int Context { get; }

    /// <summary>Bytes of the keys and values.</summary>
    public long CacheBytes => _decoder.Cache.Bytes;

    /// <summary>The text in pieces, as they become certain. Enumerated again, it is generated again, and the same.</summary>
    /// <exception cref="InputException">On enumeration: an option out of its range, or a prompt longer than the context.</exception>
    public TextStream Stream(string prompt, GenerationOptions? options = null, CancellationToken cancel = default) =>
        new(this, prompt, options ?? new GenerationOptions(), cancel);

    /// <summary>The whole text.</summary>
    /// <inheritdoc cref="Stream"/>
    public GeneratedText Generate(string prompt, GenerationOptions? options = null, CancellationToken cancel = default) =>
        Generate([prompt], options, cancel)[0];

    /// <summary>
    /// A text for each prompt, in their order: the same as each would get alone. As many as the generator has rows are continued
    /// together; a prompt takes the row of a text that has ended.
    /// </summary>
    /// <inheritdoc cref="Stream"/>
    public IReadOnlyList<GeneratedText> Generate(IReadOnlyList<string> prompts, GenerationOptions? options = null, CancellationToken cancel = default)
    {
        var results = new GeneratedText[prompts.Count];
        var active = new List<(TextSequence Sequence, int Prompt)>(); // by row
        for (int next = 0; next < prompts.Count || active.Count > 0;)
        {
            while (next < prompts.Count && active.Count < _ids.Length)
            {
                var (sequence, _) = Start(prompts[next], active.Count, options ?? new GenerationOptions(), cancel);
                if (sequence.Finish is null)
                    active.Add((sequence, next));
                else
                    results[next] = sequence.Result;
                next++;
            }

            if (active.Count == 0)
                continue;
            Step([.. active.Select(a => a.Sequence)], cancel);
            for (int row = active.Count - 1; row >= 0; row--)
            {
                var (sequence, prompt) = active[row];
                sequence.Advance(Logits(row));
                if (sequence.Finish is null)
                    continue;
                results[prompt] = sequence.Result;
                int last = active.Count - 1;
                if (row != last)
                    _decoder.Cache.Copy(last, row);
                active[row] = active[last];
                active.RemoveAt(last);
            }
        }

        return results;
    }

    public void Dispose() => _decoder.Dispose();

    internal IEnumerable<string> Pieces(string prompt, GenerationOptions options, Action<GeneratedText> finished, CancellationToken cancel)
    {
        var (sequence, piece) = Start(prompt, 0, options, cancel);
        TextSequence[] rows = [sequence];
        while (true)
        {
            if (piece.Length > 0)
                yield return piece;
            if (sequence.Finish is not null)
                break;
            Step(rows, cancel);
            piece = sequence.Advance(Logits(0));
        }

        finished(sequence.Result);
    }

    /// <summary>The prompt in one pass, and its first token.</summary>
    private (TextSequence Sequence, string Piece) Start(string prompt, int row, GenerationOptions options, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        int[] ids = [.. _tokenizer.BosId is int bos ? [bos] : Array.Empty<int>(), .. _tokenizer.Encode(prompt)];
        var sequence = new TextSequence(_tokenizer, ids, options, _decoder.LogitColumns, Context, _ends);
        long started = Stopwatch.GetTimestamp();
        _decoder.Prefill(row, ids, Logits(row));
        sequence.PrefillSeconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return (sequence, sequence.Advance(Logits(row)));
    }

    private void Step(ReadOnlySpan<TextSequence> rows, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        long started = Stopwatch.GetTimestamp();
        for (int row = 0; row < rows.Length; row++)
            _ids[row] = rows[row].LastToken;
        _decoder.Step(_ids.AsSpan(0, rows.Length), _logits.AsSpan(0, rows.Length * _decoder.LogitColumns));
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        foreach (var sequence in rows)
            sequence.DecodeSeconds += seconds;
    }

    private Span<float> Logits(int row) => _logits.AsSpan(row * _decoder.LogitColumns, _decoder.LogitColumns);
}

using FedSpine.Engine.Models;
using FedSpine.Engine.Text;

namespace FedSpine.Engine.Tasks;

/// <summary>Texts to train and to test on, before a model has said how it tokenizes them.</summary>
/// <param name="TrainPath">For messages.</param>
/// <param name="Train">Empty where a model is only tested.</param>
/// <param name="TestPath">For messages.</param>
public sealed record TaskRecords(TaskKind Task, string TrainPath, IReadOnlyList<DataRecord> Train, string TestPath, IReadOnlyList<DataRecord> Test)
{
    private const ulong OrderStream = 0x0DE5;

    /// <summary>Without test data, one example in so many is held out.</summary>
    private const int HeldOutEvery = 10;

    /// <summary>Shorter pieces of text teach nothing.</summary>
    private const int ShortestBlock = 4;

    /// <summary>Reads a training file, and a test file or else a tenth of the training data, drawn from the seed.</summary>
    /// <exception cref="InputException">A file is missing or malformed, or too small to hold a test set out.</exception>
    public static TaskRecords Read(TaskKind task, string trainPath, string? testPath = null, DataOptions? options = null, ulong seed = 1)
    {
        options ??= DataOptions.Default;
        var train = ReadFile(task, trainPath, options);
        if (testPath is not null)
            return new TaskRecords(task, trainPath, train, testPath, ReadFile(task, testPath, options));
        // Of a shuffled order, so that a sorted file does not hold out one class.
        int[] order = [.. Enumerable.Range(0, train.Count)];
        new DeterministicRandom(seed, OrderStream, 1).Shuffle<int>(order);
        int held = train.Count / HeldOutEvery;
        if (held == 0)
            throw InputException.InFile(trainPath, $"{train.Count} rows are too few to hold out a test set: give one with --eval-data");
        return new TaskRecords(task, trainPath, [.. order[held..].Order().Select(i => train[i])], trainPath, [.. order[..held].Order().Select(i => train[i])]);
    }

    /// <summary>Reads a test file alone.</summary>
    /// <exception cref="InputException">The file is missing or malformed.</exception>
    public static TaskRecords ReadTest(TaskKind task, string path, DataOptions? options = null) =>
        new(task, path, [], path, ReadFile(task, path, options ?? DataOptions.Default));

    /// <summary>Class names of the training data, for a new classifier; null for language models and where only a test set was read.</summary>
    /// <exception cref="InputException">There is only one class.</exception>
    public IReadOnlyList<string>? Labels => Task == TaskKind.Classification && Train.Count > 0 ? LabelMap.Of(TrainPath, Train).Names : null;

    /// <summary>
    /// Tokenized for a model. Language models: plain text is cut into blocks of <paramref name="length"/>, each after the begin
    /// token; a prompt with an answer becomes "prompt, line break, answer, end token", of which the prompt is not learned.
    /// Test examples are shuffled, so that the first ones stand for all.
    /// </summary>
    /// <param name="length">Longest example, in tokens; the model's positions may allow less.</param>
    /// <exception cref="InputException">A label that the model does not know, or too little text.</exception>
    public TaskData Encode(TextTokenizer tokenizer, ModelSpec spec, int length, ulong seed)
    {
        length = Math.Min(length, spec.MaxLength);
        string[] domains = [.. Train.Select(r => r.Domain).OfType<string>().Distinct().Order(StringComparer.Ordinal)];
        // The checkpoint's own order of classes counts where it has the same names.
        var labels = Task == TaskKind.Classification ? LabelMap.FromNames(spec.Labels) : null;
        IEnumerable<TaskExample> EncodeAll(string path, IEnumerable<DataRecord> records) => records.SelectMany(record =>
        {
            int domain = record.Domain is null ? -1 : Array.IndexOf(domains, record.Domain);
            if (labels is null)
                return record.TextPair is { } answer ? Answered(tokenizer, record.Text, answer, domain, length) : Blocks(tokenizer, record.Text, domain, length);
            var encoded = tokenizer.EncodeForModel(spec.Family, record.Text, record.TextPair, length);
            return [new TaskExample(encoded.Ids, encoded.Types, labels.IdOf(path, record), domain)];
        });

        TaskExample[] train = [.. EncodeAll(TrainPath, Train)], test = [.. EncodeAll(TestPath, Test)];
        if (test.Length == 0 || (train.Length == 0 && Train.Count > 0))
            throw InputException.InFile(test.Length == 0 ? TestPath : TrainPath, $"too little text: nothing is left of it at a length of {length} tokens");
        new DeterministicRandom(seed, OrderStream, 2).Shuffle<TaskExample>(test);
        return new TaskData(Task, spec.PadId ?? 0, train, test, labels?.Names ?? [], domains);
    }

    /// <summary>A file, or with a * in its name all that match, each a domain of its own.</summary>
    private static IReadOnlyList<DataRecord> ReadFile(TaskKind task, string path, DataOptions options) => DomainFiles.Is(path)
        ? [.. DomainFiles.Find(path).SelectMany(f => ReadOne(task, f.Path, options).Select(r => r with { Domain = r.Domain ?? f.Domain }))]
        : ReadOne(task, path, options);

    private static IReadOnlyList<DataRecord> ReadOne(TaskKind task, string path, DataOptions options) =>
        task == TaskKind.Classification ? DataFile.ReadLabelled(path, options) : DataFile.Read(path, options);

    private static IEnumerable<TaskExample> Blocks(TextTokenizer tokenizer, string text, int domain, int length)
    {
        int[] ids = tokenizer.Encode(text), bos = tokenizer.BosId is { } id ? [id] : [];
        int room = length - bos.Length;
        for (int start = 0; start < ids.Length; start += room)
        {
            int[] block = [.. bos, .. ids.AsSpan(start, Math.Min(room, ids.Length - start))];
            if (block.Length >= ShortestBlock)
                yield return new TaskExample(block, new int[block.Length], -1, domain);
        }
    }

    /// <summary>Nothing where the prompt leaves no room to answer.</summary>
    private static IEnumerable<TaskExample> Answered(TextTokenizer tokenizer, string prompt, string answer, int domain, int length)
    {
        int[] bos = tokenizer.BosId is { } b ? [b] : [], eos = tokenizer.EosId is { } e ? [e] : [];
        int[] before = [.. bos, .. tokenizer.Encode(prompt + "\n")], after = [.. tokenizer.Encode(answer), .. eos];
        if (before.Length >= length || after.Length == 0)
            yield break;
        int[] ids = [.. before, .. after.AsSpan(0, Math.Min(after.Length, length - before.Length))];
        yield return new TaskExample(ids, new int[ids.Length], -1, domain, before.Length);
    }
}

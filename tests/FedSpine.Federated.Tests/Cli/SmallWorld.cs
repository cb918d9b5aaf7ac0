using FedSpine.Federated.Sample;

namespace FedSpine.Federated.Tests.Cli;

/// <summary>
/// A folder with small models and data under the names that the help's examples use: an encoder (roberta-base), a decoder (llama),
/// train.tsv, dev.tsv, story.txt, stories.txt, text.txt, prompt.txt, questions.jsonl, compare.json. The models are made by the tool itself.
/// </summary>
public sealed class SmallWorld : IDisposable
{
    public SmallWorld()
    {
        var labelled = SampleCorpus.Labelled(1, 240).Select(s => $"{s.Text}\t{s.Label}").ToList();
        File.WriteAllLines(this["train.tsv"], labelled.Take(200).Prepend("sentence\tlabel"));
        File.WriteAllLines(this["dev.tsv"], labelled.Skip(200).Prepend("sentence\tlabel"));
        foreach (string name in (string[])["story.txt", "stories.txt", "text.txt"])
            File.WriteAllLines(this[name], SampleCorpus.Unlabelled(1).Take(150).SelectMany(text => new[] { text, "" }));
        File.WriteAllText(this["compare.json"], """{ "methods": ["fedspine", "fed-random"], "dataSets": { "mine": { "data": "train.tsv", "evalData": "dev.tsv" } }, "settings": { "model": "roberta-base", "rounds": 2, "targetSparsity": 0.3 } }""");
        File.WriteAllText(this["prompt.txt"], "I watched it\n");
        File.WriteAllLines(this["questions.jsonl"], Enumerable.Range(0, 40).Select(i => $$"""{"question": "what is {{i}} and one?", "answer": "it is {{i + 1}}"}"""));
        Make("pretrain --data story.txt --vocabulary 300 --layers 4 --width 32 --heads 4 --ffn 64 --length 64 --batch 4 --steps 20 --threads 2 --out roberta-base");
        Make("pretrain --task causal-lm --data story.txt --vocabulary 300 --layers 4 --width 32 --heads 4 --kv-heads 2 --ffn 96 --length 256 --batch 4 --steps 60 --lr 0.003 --threads 2 --out llama");
    }

    public string Root { get; } = Directory.CreateTempSubdirectory("fedspine-world-").FullName;

    public string this[string name] => Path.Combine(Root, name);

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private void Make(string arguments)
    {
        var run = Tool.Run(Root, arguments);
        Assert.True(run.Code == 0, run.Error);
    }
}

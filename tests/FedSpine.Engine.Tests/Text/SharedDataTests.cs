using FedSpine.Engine.Text;

namespace FedSpine.Engine.Tests.Text;

/// <summary>The real files: rows and labels as ../shared/README.md counts them, without options wherever possible.</summary>
public sealed class SharedDataTests
{
    [Theory]
    [InlineData("sst2/train.tsv", 67349, 2, false)]
    [InlineData("sst2/dev.tsv", 872, 2, false)]
    [InlineData("rte/train.tsv", 2490, 2, true)]
    [InlineData("rte/dev.tsv", 277, 2, true)]
    [InlineData("cola/train.tsv", 8551, 2, false)]
    [InlineData("cola/dev.tsv", 1043, 2, false)]
    [InlineData("ag_news/train.tsv", 10001, 4, false)]
    [InlineData("subj/subj.all", 10000, 2, false, DataFormat.Auto, DataEncoding.Latin1)]
    [InlineData("mr/rt-polarity.all", 10662, 2, false, DataFormat.Auto, DataEncoding.Latin1)]
    [InlineData("trec/train.all", 5452, 6, false, DataFormat.Auto, DataEncoding.Latin1)]
    [InlineData("mrpc/msr_paraphrase_train.txt", 4076, 2, true, DataFormat.Tsv)]
    [InlineData("mrpc/msr_paraphrase_test.txt", 1725, 2, true, DataFormat.Tsv)]
    [InlineData("amazon/books.train.tsv", 1700, 2, false)]
    [InlineData("amazon/dvd.train.tsv", 1700, 2, false)]
    [InlineData("amazon/electronics.train.tsv", 1700, 2, false)]
    [InlineData("amazon/airline.train.tsv", 1700, 2, false)]
    public void Labelled_files(string file, int rows, int labels, bool pairs, DataFormat format = DataFormat.Auto, DataEncoding encoding = DataEncoding.Utf8)
    {
        string path = Golden.Shared(["data", .. file.Split('/')]);
        IReadOnlyList<DataRecord> records = DataFile.ReadLabelled(path, new DataOptions { Format = format, Encoding = encoding });
        Assert.Equal(rows, records.Count);
        Assert.Equal(labels, LabelMap.Of(path, records).Names.Count);
        Assert.All(records, record => Assert.True(record.TextPair is not null == pairs && record.Text.Trim().Length > 0, $"{path}:{record.Line}"));
    }

    [Theory]
    [InlineData("gsm8k/train.jsonl", 7473)]
    [InlineData("dolly/sample.jsonl", 151)]
    public void Instruction_files(string file, int rows)
    {
        IReadOnlyList<DataRecord> records = DataFile.Read(Golden.Shared(["data", .. file.Split('/')]));
        Assert.Equal(rows, records.Count);
        Assert.All(records, record => Assert.NotNull(record.TextPair));
    }

    [Theory]
    [InlineData("tinystories.txt")]
    [InlineData("tinyshakespeare.txt")]
    [InlineData("wikitext-2.valid.txt")]
    public void Plain_text(string file)
    {
        IReadOnlyList<DataRecord> documents = DataFile.Read(Golden.Shared("data", "text", file));
        Assert.True(documents.Count > 100);
        Assert.All(documents, document => Assert.False(string.IsNullOrWhiteSpace(document.Text)));
    }

    [Fact]
    public void A_vocabulary_of_real_text_covers_it()
    {
        var trainer = new BytePairTrainer();
        DataRecord[] stories = [.. DataFile.Read(Golden.Shared("data", "text", "tinystories.txt"))];
        foreach (DataRecord story in stories)
            trainer.Add(story.Text);
        using var folder = new TemporaryFolder();
        trainer.Train(2000).Save(folder.Path);
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        Assert.Equal(2000, tokenizer.VocabularySize);
        foreach (DataRecord story in stories.Take(100))
        {
            int[] ids = tokenizer.Encode(story.Text);
            Assert.Equal(story.Text, tokenizer.Decode(ids));
            Assert.True(ids.Length < story.Text.Length / 3 + 20, $"{ids.Length} tokens for {story.Text.Length} characters");
        }
    }
}

"use strict";
// What uvdraw.js reports about a draw, in Chinese. A line that is not here is shown as it was reported.

const DRAW_WORDS = (() => {
  const ZH = [
    ["nothing proves that {} is in the log", "没有证据证明{}已在日志之中"],
    ["{}, whose Ed25519 signature this browser cannot check", "{}（本浏览器无法核验其 Ed25519 签名）"],
    ["{} signed by {}", "{}，由 {} 签名"],
    ["the announcement was recorded at {}, before {}", "公告于 {} 入账，早于：{}"],
    ["only this file claims that the announcement was covered by that checkpoint at {}: {}", "公告在 {} 已被该检查点涵盖，仅有本文件这样说：{}"],
    ["this browser cannot check the Ed25519 signature of {}", "本浏览器无法核验 {} 的 Ed25519 签名"],
    ["the witness {} saw that checkpoint at {}, before {}", "见证方 {} 于 {} 已见到该检查点，早于：{}"],
    ["the seed is made of the announced sources: {}", "随机种子由公告的各来源组成：{}"],
    ["no file can show that {} was published: compare it with {} of {}", "“{}”是否确已公布，任何文件都无法证明：请与“{}”（{}）自行比对"],
    ["as many were drawn as announced: {}", "各层抽取数与公告一致：{}"],
    ["only this file claims that the draw was voided", "抽查已作废，仅有本文件这样说"],
    ["no file can show whether the draw was voided later: ask the ledger", "抽查后来是否作废，任何文件都无法证明：请向台账查询"],
    ["only this file claims that the log signs with {}: compare it with the key that you know, or give that key", "日志以 {} 签名，仅有本文件这样说：请与您从别处得知的公钥比对，或者填入该公钥"],
    ["no file can show who is not on the roster because a cap is used up: the announcement counts {}", "哪些企业因检查次数已满而不在名册，任何文件都无法证明：公告所计为 {}"],
    ["the roster of {} is the announced one: {}", "名册共 {} 户，就是公告的名册：{}"],
    ["the selection is not in the file; its hash and root are checked", "文件中没有抽取结果；已核对其摘要和根"],
    ["repeating the draw gives the same {} businesses and {} reserves: {}", "重新抽取，得到同样的 {} 户企业和 {} 户备选：{}"],
    ["the officers of {} are not in the file", "文件中没有 {} 的执法人员"],
    ["the officer roster{} is the announced one: {}", "执法人员名册{}就是公告的名册：{}"],
    ["the officers of {} visits were assigned in the drawn order", "{} 次检查的执法人员按抽取顺序指派"],
    ["only this file claims that these assignments were recorded, and only this file gives the reasons why {} officers were passed over", "这些指派已经入账、{} 名执法人员被越过的理由，仅有本文件这样说"],
    ["whether the visited businesses were drawn: the selection is not in the file", "受检企业是否被抽中：文件中没有抽取结果"],
    ["{} of {} drawn businesses have no officers, {} first: it may be too early, or they were exempted", "被抽中的企业中有 {} 户（共 {} 户）尚无执法人员，首户为 {}：可能时间未到，或者已予豁免"],
    ["the draw is {}: it has no seed yet", "抽查处于“{}”阶段：尚无随机种子"],
    ["the draw is {}: it was not carried out", "抽查处于“{}”阶段：尚未执行"],
    ["the roster is not in the file: {}", "文件中没有名册：{}"],
    ["only this file claims that this is the last drawn ticket: {}", "最后一个被抽中的号码，仅有本文件这样说：{}"],
    ["the last drawn ticket is that of {}, rank {} in the selection", "最后一个被抽中的号码属于 {}，在抽取结果中列第 {}"],
    ["{} was on the announced roster, in stratum {}", "{} 在公告的名册之中，属于 {} 层"],
    ["rank {} is in the selection that the outcome names", "第 {} 位在结果所列的抽取名单之中"],
    ["its ticket is {}, the last of {} drawn from {} in {} is {}: {} {}", "其号码为 {}；{} 户被抽中（共 {} 户，{} 层），最后一个号码为 {}：{} {}"],
    ["was drawn", "被抽中"],
    ["was not drawn", "未被抽中"],
    ["{} is not a draw file or a draw receipt", "{} 不是抽查文件，也不是抽查回执"],
    ["the line of {} is not proven to be on the announced roster", "{} 在公告名册中的一行得不到证明"],
    ["rank {} of {} is not proven to be in the selection", "{1} 列第 {0} 位，得不到抽取结果的证明"],
    ["the signature of {} is wrong", "{} 的签名不正确"],
    ["the checkpoint is of the log {}, and not signed by it", "检查点属于日志 {}，但并非由其签名"],
    ["{} is not proven to be in the log", "{} 得不到证明在日志之中"],
    ["the checkpoint is not cosigned by {}", "检查点没有 {} 的见证签名"],
    ["the cosignature of {} is wrong", "{} 的见证签名不正确"],
    ["{} is not a key", "{} 不是公钥"],
    ["the announcement is event {} of the log {}, under its checkpoint of {}", "公告是日志 {1} 的第 {0} 号事件，在其 {2} 个事件的检查点之下"],
    ["the outcome is event {} of the log {}, under its checkpoint of {}", "结果是日志 {1} 的第 {0} 号事件，在其 {2} 个事件的检查点之下"],
    ["only the signature of a witness whose key you know can prove the time", "只有您已知公钥的见证方的签名才能证明这一时间"],
    ["no reason is given", "未说明理由"],
    ["visits to drawn businesses may still come; this is shown after the last of these visits", "被抽中的企业尚待检查；最后一次检查之后公开"],
    ["the announcement", "公告"],
    ["the outcome", "结果"],
    ["announced", "已公告"],
    ["seed_revealed", "种子已公布"],
    ["executed", "已执行"],
    ["voided", "已作废"],
    ["{} was published at {}", "{} 于 {} 公布"],
    ["{}; it must be {}", "{}；应为 {}"],
  ];
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const known = ZH.map(([english, chinese]) => [
    new RegExp(`^${english.split("{}").map(escaped).join("([\\s\\S]*?)")}$`), chinese,
  ]);

  // Returns a line of a report in a language; its parts are looked up like the whole.
  function said(line, language) {
    if (!language.startsWith("zh")) return line;
    for (const [pattern, chinese] of known) {
      const found = pattern.exec(line);
      if (found) {
        let next = 0;
        return chinese.replace(/\{(\d?)\}/g, (whole, number) => {
          const part = found[1 + (number === "" ? next++ : Number(number))];
          return part === line ? part : said(part, language);
        });
      }
    }
    return line;
  }

  return { said };
})();

globalThis.DRAW_WORDS = DRAW_WORDS;
